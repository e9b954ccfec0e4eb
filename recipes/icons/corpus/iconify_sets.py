"""What to make of each set of the package @iconify/json: which are left out and why, which are emoji, and what their style is
called. Sets that are named nowhere here are icons; what they look like is measured."""

# Pictures of the evaluation, and sets by their authors or drawn after them: never trained on.
EVALUATION = {"openmoji", "lucide"}
KIN_AUTHORS = {"OpenMoji", "Lucide Contributors", "Cole Bemis"}
KIN = {"fe": "named after Feather, of which Lucide is a fork"}

# Trademarks: their shape is a brand's, whatever the licence of the file.
BRAND_CATEGORIES = {"Logos", "Programming"}
BRAND_TITLES = ("brand", "logo")                  # in the title of a set
BRANDS_ALONE = {"academicons"}                      # logos of academic services
BRAND_SETS = ("simple-icons", "logos", "cib", "fa7-brands", "bxl", "streamline-logos", "devicon")

# Sets that a newer edition, or a set under another name, contains.
OLDER = {"fa", "fa-solid", "fa-regular", "fa6-solid", "fa6-regular", "bx", "bxs", "heroicons-outline", "heroicons-solid", "pepicons",
         "mono-icons", "zmdi", "icon-park-outline", "famicons", "mdi-light", "material-symbols-light"}

EMOJI = {
    "noto": ("Noto emoji", "emoji"), "noto-v1": ("blob emoji", "emoji"), "twemoji": ("Twitter emoji", "flat emoji"),
    "fluent-emoji": ("3D emoji", "glossy emoji"), "fluent-emoji-flat": ("flat emoji", "emoji"),
    "emojione": ("EmojiOne emoji", "emoji"), "fxemoji": ("Firefox emoji", "flat emoji"),
    "streamline-emojis": ("cartoon emoji", "outlined emoji"),
}
ONE_COLOUR_EMOJI = {"fluent-emoji-high-contrast": ("black and white emoji",), "emojione-monotone": ("black and white emoji",)}
FLAGS = {"circle-flags": ("round flag",), "flag": ("flag",), "flagpack": ("flag",), "cif": ("flag",)}
STYLES = {
    "icon-park": ("two-tone icon",), "streamline-freehand-color": ("hand-drawn icon",), "streamline-freehand": ("hand-drawn icon",),
    "streamline-kameleon-color": ("round icon",), "streamline-stickies-color": ("sticker",), "fluent-color": ("gradient icon",),
    "flat-color-icons": ("flat icon",), "meteocons": ("weather icon",), "wi": ("weather icon",), "marketeq": ("outlined icon",),
    "game-icons": ("game icon",), "healthicons": ("health icon",), "medical-icon": ("medical icon",), "covid": ("medical icon",),
    "pinhead": ("map icon",), "temaki": ("map icon",), "roentgen": ("map icon",), "maki": ("map icon",), "map": ("map icon",),
    "gis": ("map icon",), "geo": ("map icon",), "osmic": ("map icon",), "streamline-pixel": ("pixel icon",),
    "pixelarticons": ("pixel icon",), "pixel": ("pixel icon",), "memory": ("pixel icon",), "dinkie-icons": ("pixel icon",),
    "fad": ("audio icon",), "ginetex": ("laundry symbol",), "pepicons-print": ("printed icon",),
}

# Words at the end (or the beginning) of an icon's name that tell its style, not what it shows, and the kind of style.
LINE, SOLID, TWO_TONE, OTHER = "line", "solid", "two-tone", "other"
STYLE_WORDS = {
    "outline": LINE, "outlined": LINE, "line": LINE, "linear": LINE, "regular": LINE, "stroke": LINE, "light": LINE, "thin": LINE,
    "filled": SOLID, "fill": SOLID, "solid": SOLID, "bold": SOLID, "baseline": SOLID,
    "duotone": TWO_TONE, "twotone": TWO_TONE, "two-tone": TWO_TONE, "duo": TWO_TONE,
    "rounded": OTHER, "round": OTHER, "sharp": OTHER, "broken": OTHER, "remix": OTHER, "alt": OTHER, "flat": OTHER, "poly": OTHER,
    "rtl": OTHER, "ltr": OTHER,
}
