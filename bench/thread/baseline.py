"""Prints what CPython needs for the same work, as lines "NAME NANOSECONDS"."""

import queue
import threading
import time
from concurrent.futures import ThreadPoolExecutor


def report(name, n, f):
    best = None
    for _ in range(3):
        start = time.perf_counter_ns()
        f(n)
        took = (time.perf_counter_ns() - start) / n
        best = took if best is None else min(best, took)
    print(name, round(best, 1))


def lock(n):
    lock = threading.Lock()
    for _ in range(n):
        lock.acquire()
        lock.release()


def queue_of(producers):
    def run(n):
        q = queue.Queue(128)
        each = n // producers

        def put():
            for i in range(each):
                q.put(i)

        def get():
            for _ in range(each):
                q.get()

        threads = [threading.Thread(target=f) for f in (put, get) for _ in range(producers)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()

    return run


def pool(n):
    with ThreadPoolExecutor(4) as ex:
        for _ in range(0, n, 1000):
            for f in [ex.submit(int) for _ in range(1000)]:
                f.result()


def thread(n):
    for _ in range(n):
        t = threading.Thread(target=int)
        t.start()
        t.join()


report("lock", 1_000_000, lock)
report("queue1", 50_000, queue_of(1))
report("queue4", 50_000, queue_of(4))
report("pool", 20_000, pool)
report("thread", 3_000, thread)
