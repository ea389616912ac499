"""Pages and pictures with Python's threads: five that read pages and five that
save pictures, between two queues.

    threads.py BASE PAGES OUT
"""
import os
import queue
import sys
import threading

import requests
from lxml import etree

PRODUCERS = CONSUMERS = 5
PATH = '//div[@class="page-content text-center"]//img[@class!="gif"]/@data-original'


def produce(pages, pictures):
    while True:
        url = pages.get()
        if url is None:
            return
        html = etree.HTML(requests.get(url, timeout=30).text)
        for n, src in enumerate(html.xpath(PATH), 1):
            pictures.put((requests.compat.urljoin(url, src), src.lstrip("/")))


def consume(pictures, out):
    while True:
        got = pictures.get()
        if got is None:
            return
        url, name = got
        path = os.path.join(out, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        body = requests.get(url, timeout=30).content
        with open(path, "wb") as f:
            f.write(body)


def main(base, count, out):
    pages, pictures = queue.Queue(100), queue.Queue(1000)
    producers = [threading.Thread(target=produce, args=(pages, pictures)) for _ in range(PRODUCERS)]
    consumers = [threading.Thread(target=consume, args=(pictures, out)) for _ in range(CONSUMERS)]
    for t in producers + consumers:
        t.start()
    for n in range(1, count + 1):
        pages.put("%s/g/%d.html" % (base, n))
    for _ in producers:
        pages.put(None)
    for t in producers:
        t.join()
    for _ in consumers:
        pictures.put(None)
    for t in consumers:
        t.join()


main(sys.argv[1], int(sys.argv[2]), sys.argv[3])
