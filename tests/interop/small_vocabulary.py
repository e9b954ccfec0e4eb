"""A small byte-level vocabulary in CLIP's form, and texts that try a tokenizer.

Ids: 256 byte symbols, the same 256 with the end-of-word mark, one id a merge, then the start and the end token.
"""

import gzip

START, END = "<|startoftext|>", "<|endoftext|>"
WORD_END = "</w>"

WORDS = ["a", "photo", "of", "the", "dog", "cat", "red", "green", "icon", "ing", "straße", "café", "naïve",
         "日本", "😀", "...", "100", "it's"]

TEXTS = [
    "a photo of a dog", "A Photo of THE Cat", "the red cat, the green dog...", "",
    " ", "   spaces \t and\nlines\r\n\u00a0end ", "\u2003em\u3000wide\u0085next", "\u001cfile\u001fsep", "zero\u200bwidth\ufeffmark",
    "it's don't we're I've I'm he'll she'd 'sup !'s", "IT'S DON'T WE'RE", "it\u2019s", "'\u017f",
    "1234567890", "a1b22c333", "\u00bd\u00b2\u2167\u0663", "3.14 - 2,718",
    "!!! ??? ... --- ___ @#$%^&*()", "snake_case_name", "e-mail: someone@example.org", "a/b\\c|d",
    "caf\u00e9 na\u00efve", "cafe\u0301 nai\u0308ve", "Stra\u00dfe STRASSE", "\u0130stanbul I\u0131i\u0130", "\u039f\u0394\u039f\u03a3 \u03a3 \u03a3\u0391\u03a3.",
    "\u212b \u2126 \ufb01 \uff21\uff22\uff23", "\u01c4 \u01c5 \u01c6", "\u1e9e", "\u0344 \u0958",
    "\u65e5\u672c\u8a9e\u306e\u5199\u771f", "\uac00 \u1100\u1161", "\u0e2a\u0e27\u0e31\u0e2a\u0e14\u0e35", "\u0939\u093f\u0928\u094d\u0926\u0940", "\u0645\u0631\u062d\u0628\u0627", "\u043f\u0440\u0438\u0432\u0435\u0442 \u041c\u0418\u0420",
    "\U0001f600\U0001f3fd \U0001f468\u200d\U0001f469\u200d\U0001f467 \u2764\ufe0f \U0001f1eb\U0001f1f7", "\U0001d54f\U0001d7d8", "\U00010400\U00010428",
    "&amp; &lt;b&gt; &amp;amp;", "<b>bold</b>", "\u00e2\u20ac\u2122 mojibake", "\x00nul\x01", "\x7f\x1b[31mred",
    END, START + " twice " + END, "a" + END + "b", "<|STARTOFTEXT|>", "<|endoftext", "<start_of_text>", END + END,
    "a photo of a photo of a photo", "dogdogdog catdog", "doG dO gd", "ingingo", "word" * 12,
    "\u0301 alone", "a\u0301\u0323 b\u0323\u0301", "tab\tonly", "trailing space ", "\u1680ogham\u2028line\u2029para",
    "100% of 100 cats",
]


def byte_symbols():
    """The printable character that stands for each of the 256 bytes, in the order of their ids."""
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    symbol = {byte: chr(byte) for byte in printable}
    order = list(printable)
    for byte in range(256):
        if byte not in symbol:
            symbol[byte] = chr(0x100 + len(order) - len(printable))
            order.append(byte)
    return symbol, order


def _vocabulary(merges):
    symbol, order = byte_symbols()
    singles = [symbol[byte] for byte in order]
    words = singles + [s + WORD_END for s in singles] + [a + b for a, b in merges] + [START, END]
    assert len(set(words)) == len(words)
    return {word: number for number, word in enumerate(words)}


def small():
    """(vocab, merges) of a little under 600 entries: each of WORDS becomes one token, left to right."""
    symbol, _ = byte_symbols()
    merges = []
    for word in WORDS:
        pieces = [symbol[byte] for byte in word.encode("utf-8")]
        pieces[-1] += WORD_END
        while len(pieces) > 1:
            pair = (pieces[0], pieces[1])
            if pair not in merges:
                merges.append(pair)
            pieces[:2] = [pieces[0] + pieces[1]]
    return _vocabulary(merges), merges


def full(merge_list):
    """(vocab, merges) of the published merge list: 49,408 entries. For tests only, never to be committed."""
    with gzip.open(merge_list, "rt", encoding="utf-8") as lines:
        text = lines.read().split("\n")
    merges = [tuple(line.split()) for line in text[1:48894 + 1]]
    return _vocabulary(merges), merges
