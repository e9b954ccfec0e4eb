"""Names of colours: measured in a picture (the order is that of `shares` in pictures/mark.c), and to paint with."""

NAMES = ("black", "gray", "white", "red", "orange", "yellow", "green", "teal", "blue", "purple", "pink", "brown")
PAINT = {"red": "dc2828", "green": "28a03c", "blue": "2850dc", "yellow": "f5d228", "orange": "f58c1e", "purple": "823cb4",
         "pink": "fa96be", "brown": "825028", "black": "000000", "white": "ffffff", "gray": "808080", "teal": "149696"}


def said_of(shares):
    """"red", or "red and white", where that is what nearly all of the picture is; else None."""
    order = sorted(range(len(NAMES)), key=lambda i: (-shares[i], i))
    first, second = order[:2]
    if shares[first] >= 800:
        return NAMES[first]
    if shares[second] >= 200 and shares[first] + shares[second] >= 850:
        return f"{NAMES[first]} and {NAMES[second]}"
    return None
