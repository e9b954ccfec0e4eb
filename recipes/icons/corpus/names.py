"""What a picture is called, which concept that is, and whether the concept is held out.

A concept is a name without skin tones. It is held out where the first byte of its MD5 is below 26: one in ten, in every source,
so that the evaluation sets can ask for what was never shown in any style."""
import hashlib
import re

SKIN = re.compile(r"^(.*?)( (light|medium light|medium|medium dark|dark)( (light|medium light|medium|medium dark|dark))?"
                  r" skin tone.*)$")


def plain(text):
    """Lower-case words of letters and digits with single spaces between them."""
    return " ".join(re.findall(r"[a-z0-9]+(?:'[a-z]+)?", text.lower().replace("’", "'")))


def squeeze(text):
    return re.sub(r"[^a-z0-9]+", "", text.lower())


def concept(name):
    match = SKIN.match(name)
    return match[1] if match else name


def is_held(name):
    return hashlib.md5(concept(name).encode()).digest()[0] < 26


def article(text):
    """With "a" or "an" where English wants one."""
    if not text or text.split()[-1].endswith("s") and not text.endswith(("ss", "us", "is")):
        return text
    return ("an " if text[0].lower() in "aeiou" and not text.startswith(("uni", "use", "eur", "one")) else "a ") + text
