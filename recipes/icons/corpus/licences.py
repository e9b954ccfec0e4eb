"""Which licences a picture may have, and what packages say about theirs.

Allowed are those that let a model trained on the pictures be given away under MIT, with a notice at most: no share-alike, no
non-commercial, no GPL. A licence that is not in the table is not allowed."""

# How packages write it (lower case) -> what it is called here.
ALLOWED = {
    "mit": "MIT",
    "apache-2.0": "Apache-2.0", "apache 2.0": "Apache-2.0",
    "isc": "ISC",
    "bsd-2-clause": "BSD-2-Clause", "bsd-3-clause": "BSD-3-Clause",
    "cc0-1.0": "CC0-1.0", "cc0": "CC0-1.0",
    "unlicense": "Unlicense",
    "cc-by-3.0": "CC-BY-3.0", "cc-by-3.0-usa": "CC-BY-3.0", "cc-by-4.0": "CC-BY-4.0",
    "ofl-1.1": "OFL-1.1",
    "unicode-3.0": "Unicode-3.0", "unicode-dfs-2016": "Unicode-DFS-2016",
    "wordnet-3.0": "WordNet-3.0",
    "public domain": "Public-Domain", "http://web.resource.org/cc/publicdomain": "Public-Domain",
    "http://creativecommons.org/licenses/publicdomain/": "Public-Domain",
    "http://creativecommons.org/publicdomain/zero/1.0/": "CC0-1.0",
}


def licence(text):
    """The licence's name where it is allowed, else None."""
    return ALLOWED.get((text or "").strip().lower())
