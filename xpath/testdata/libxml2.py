"""Answers for the differential test: libxml2, through lxml.

Reads JSON jobs from standard input, one a line, and writes one answer a line.

A job {"xml": ..., "exprs": [...], "at": [...]} is answered with a list, for
each expression a list, for each context node in "at" a string: "nodes" and
the nodes, "string" and a JSON string, "number" and a number, "boolean" and
true or false, "syntax" or "error". Context nodes are numbered among the
elements and comments in document order; a node is e12 (element or comment),
e12@name, e12.text (the text at its start) or e12.tail (the text after it).
"""
import json
import sys

from lxml import etree

XML = "{http://www.w3.org/XML/1998/namespace}"


def show(value, ids):
    if isinstance(value, bool):
        return "boolean " + str(value).lower()
    if isinstance(value, float):
        return "number " + repr(value)
    if isinstance(value, str):
        return "string " + json.dumps(str(value), ensure_ascii=False)
    out = ["nodes"]
    for n in value:
        if isinstance(n, tuple):
            out.append("namespace")
        elif not isinstance(n, str):
            out.append("e%d" % ids[n])
        elif n.is_attribute:
            out.append("e%d@%s" % (ids[n.getparent()], n.attrname.replace(XML, "xml:")))
        else:
            out.append("e%d.%s" % (ids[n.getparent()], "text" if n.is_text else "tail"))
    return " ".join(out)


def verdict(expr, compiled, node, ids):
    if expr not in compiled:
        try:
            compiled[expr] = etree.XPath(expr)
        except etree.XPathSyntaxError:
            compiled[expr] = None
    if compiled[expr] is None:
        return "syntax"
    try:
        return show(compiled[expr](node), ids)
    except etree.XPathError:
        return "error"


def main():
    parser = etree.XMLParser(huge_tree=True, resolve_entities=False)
    compiled = {}
    for line in sys.stdin:
        job = json.loads(line)
        root = etree.fromstring(job["xml"].encode("utf-8"), parser)
        nodes = list(root.iter())
        ids = {n: i for i, n in enumerate(nodes)}
        answer = [[verdict(x, compiled, nodes[at], ids) for at in job["at"]] for x in job["exprs"]]
        print(json.dumps(answer, ensure_ascii=False), flush=True)


main()
