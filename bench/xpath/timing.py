"""The lxml side of the comparison. Reads a JSON list of pages, then questions
[xpath, repeat], one a line; writes the seconds one round over all pages took."""
import json
import sys
import time

import lxml.html
from lxml import etree


def main():
    pages = []
    for src in json.loads(sys.stdin.readline()):
        try:
            pages.append(lxml.html.document_fromstring(src.encode("utf-8"), parser=lxml.html.HTMLParser(encoding="utf-8", huge_tree=True)))
        except etree.ParserError:
            pass
    for line in sys.stdin:
        expr, repeat = json.loads(line)
        find = etree.XPath(expr)
        start = time.perf_counter()
        for _ in range(repeat):
            for page in pages:
                find(page)
        print(json.dumps((time.perf_counter() - start) / repeat), flush=True)


main()
