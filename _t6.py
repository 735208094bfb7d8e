import sys, time
from bench import memory

if __name__ == "__main__":
    for a in sys.argv[1:]:
        n, _, c = a.partition(":")
        s = time.time()
        print(n, c, memory.compared(n, bool(c)), round(time.time() - s), flush=True)
