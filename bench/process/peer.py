"""Python's side: reads "what n" lines, does it n times, prints the seconds."""
import concurrent.futures
import multiprocessing as mp
import sys
import time

WORKERS = 2
WINDOW = 1000


def double(n):
    return 2 * n


def produce_queue(q, n):
    b = b"x" * 64
    for _ in range(n):
        q.put(b)


def produce_pipe(c, n):
    b = b"x" * 64
    for _ in range(n):
        c.send_bytes(b)


def echo_pipe(c, n):
    for _ in range(n):
        c.send_bytes(c.recv_bytes())


def pong(a, b, n):
    for _ in range(n):
        a.acquire()
        b.release()


def apply(n, pool):
    start = time.perf_counter()
    for i in range(n):
        pool.apply(double, (i,))
    return time.perf_counter() - start


def apply_async(n, pool):
    start = time.perf_counter()
    for left in range(n, 0, -WINDOW):
        for r in [pool.apply_async(double, (i,)) for i in range(min(left, WINDOW))]:
            r.get()
    return time.perf_counter() - start


def ppe_submit(n, ppe):
    start = time.perf_counter()
    for left in range(n, 0, -WINDOW):
        for f in [ppe.submit(double, i) for i in range(min(left, WINDOW))]:
            f.result()
    return time.perf_counter() - start


def imap_unordered(n, pool):
    start = time.perf_counter()
    for _ in pool.imap_unordered(double, range(n)):
        pass
    return time.perf_counter() - start


def map_chunks(n, pool):
    start = time.perf_counter()
    pool.map(double, range(n), 1000)
    return time.perf_counter() - start


def start4(n, method):
    total = 0.0
    for _ in range(n):
        start = time.perf_counter()
        with mp.get_context(method).Pool(4) as p:
            p.map(double, range(4), 1)
            total += time.perf_counter() - start
    return total


def queue(n):
    q = mp.Queue()
    p = mp.Process(target=produce_queue, args=(q, n))
    p.start()
    q.get()
    start = time.perf_counter()
    for _ in range(n - 1):
        q.get()
    t = time.perf_counter() - start
    p.join()
    return t


def pipe(n):
    r, w = mp.Pipe(False)
    p = mp.Process(target=produce_pipe, args=(w, n))
    p.start()
    r.recv_bytes()
    start = time.perf_counter()
    for _ in range(n - 1):
        r.recv_bytes()
    t = time.perf_counter() - start
    p.join()
    return t


def pipe_echo(n):
    a, b = mp.Pipe()
    p = mp.Process(target=echo_pipe, args=(b, n + 1))
    p.start()
    a.send_bytes(b"x" * 64)
    a.recv_bytes()
    start = time.perf_counter()
    for _ in range(n):
        a.send_bytes(b"x" * 64)
        a.recv_bytes()
    t = time.perf_counter() - start
    p.join()
    return t


def lock(n):
    l = mp.Lock()
    start = time.perf_counter()
    for _ in range(n):
        l.acquire()
        l.release()
    return time.perf_counter() - start


def handoff(n):
    a, b = mp.Semaphore(0), mp.Semaphore(0)
    p = mp.Process(target=pong, args=(a, b, n + 1))
    p.start()
    a.release()
    b.acquire()
    start = time.perf_counter()
    for _ in range(n):
        a.release()
        b.acquire()
    t = time.perf_counter() - start
    p.join()
    return t


def main():
    pool = mp.Pool(WORKERS)
    ppe = concurrent.futures.ProcessPoolExecutor(WORKERS)
    pool.map(double, range(100))
    list(ppe.map(double, range(100)))
    todo = {
        "apply": lambda n: apply(n, pool),
        "apply_async": lambda n: apply_async(n, pool),
        "ppe_submit": lambda n: ppe_submit(n, ppe),
        "imap_unordered": lambda n: imap_unordered(n, pool),
        "map_chunks": lambda n: map_chunks(n, pool),
        "start4_spawn": lambda n: start4(n, "spawn"),
        "start4_fork": lambda n: start4(n, "fork"),
        "queue": queue,
        "pipe": pipe,
        "pipe_echo": pipe_echo,
        "lock": lock,
        "handoff": handoff,
    }
    print("ready Python", sys.version.split()[0], flush=True)
    for line in sys.stdin:
        what, n = line.split()
        print(todo[what](int(n)), flush=True)
    pool.terminate()
    ppe.shutdown()


if __name__ == "__main__":
    main()
