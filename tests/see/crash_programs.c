// Box:   tests/see.   Uses: hakmem.h, tests/support.h.
// Holds: programs that crash. What is said of them: crash_words.inc.
// Read next: crash_words.inc
//
// A heap's pages do not fault by themselves: a program makes one read-only and
// writes there, which is a fault at an address of its choice.
#include "tests/see/crash_programs.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "hakmem.h"
#include "tests/support.h"

enum { kBlocks = 64 };
static const size_t kLarge = 100000;  // never a mapping of its own
static const size_t kHuge = 40000001;

static char* Alloc(size_t n) {
  char* p = (char*)Escape(malloc(n));
  CHECK(p != NULL);
  return p;
}

static void Protect(const void* p, int protection) {
  const uintptr_t page = (uintptr_t)p & ~(uintptr_t)(PageSize() - 1);
  CHECK_EQ(mprotect((void*)page, PageSize(), protection), 0);
}

static void Touch(char* p) { *(volatile char*)Escape(p) = 1; }

// A write to `p`, of which the words must say something.
static void Write(char* p) {
  Blame(0, p);
  Protect(p, PROT_READ);
  Touch(p);
}

static void Live(void) {
  char* p = Alloc(60);
  Blame(1, p);
  Write(p + 12);
}

static void Past(void) {
  char* p = Alloc(60);
  Blame(1, p);
  Write(p + 63);
}

static void Freed(void) {
  char* p = Alloc(60);
  free(p);
  Blame(1, p);
  Write(p + 5);
}

// Two live blocks of stride 64, one behind the other; returns the second.
static char* Neighbour(void) {
  char* blocks[kBlocks];
  for (int i = 0; i < kBlocks; ++i) blocks[i] = Alloc(60);
  for (int i = 0; i < kBlocks; ++i) {
    for (int k = 0; k < kBlocks; ++k) {
      // Not across a page: only one is made read-only.
      if (blocks[i] != blocks[k] + 64 || (uintptr_t)blocks[k] % 4096 < 64) {
        continue;
      }
      Blame(1, blocks[i]);
      Blame(2, blocks[k]);
      return blocks[i];
    }
  }
  CHECK(!"neighbours");
  return NULL;
}

static void FreedNeighbour(void) {
  char* p = Neighbour();
  free(p);
  Write(p + 11);
}

static void DamagedHeader(void) {
  char* p = Neighbour();
  p[-1] = 0x41;
  Write(p + 11);
}

// A canary of hardened, a byte of nobody's in release.
static void Overflown(void) {
  char* p = Alloc(60);
  p[60] = 0x41;
  Blame(1, p);
  Write(p + 60);
}

static void Null(void) {
  Blame(0, (char*)16);
  Touch((char*)16);
}

// Calls nothing with a block as its argument: what a dead object's method is.
static void NullCall(void) {
  char* p = Alloc(60);
  Blame(0, NULL);
  Blame(1, p);
  void (*volatile method)(char*) = NULL;
  method(p);
}

static void LargeLive(void) {
  char* p = Alloc(kLarge);
  Blame(1, p);
  Write(p + 5000);
}

static void LargeFreed(void) {
  char* p = Alloc(kLarge);
  free(p);
  Blame(1, p);
  // Hardened: no access by itself.
  if (OnHardened()) {
    Blame(0, p + 5000);
    Touch(p + 5000);
  }
  Write(p + 5000);
}

static void LargeGuard(void) {
  char* p = Alloc(kLarge);
  Blame(1, p);
  const uintptr_t end = (uintptr_t)p + kLarge + PageSize() - 1;
  char* guard = (char*)(end & ~(uintptr_t)(PageSize() - 1));
  Blame(0, guard + 3);
  Touch(guard + 3);
}

static void HugeLive(void) {
  char* p = Alloc(kHuge);
  Blame(1, p);
  Write(p + 70000);
}

static void HugePast(void) {
  char* p = Alloc(kHuge);
  Blame(1, p);
  const uintptr_t end = (uintptr_t)p + kHuge + PageSize() - 1;
  char* behind = (char*)(end & ~(uintptr_t)(PageSize() - 1));
  Blame(0, behind);
  Touch(behind);
}

static void HugeBefore(void) {
  char* p = Alloc(kHuge);
  Blame(1, p);
  Blame(0, p - 1);
  Touch(p - 1);
}

static void ZeroSize(void) {
  char* p = Alloc(0);
  Blame(0, p + 1);
  Touch(p + 1);
}

static void ZeroSizeFreed(void) {
  char* p = Alloc(0);
  free(p);
  Blame(0, p);
  Touch(p);
}

// The last slab of the first MiB of blocks; full ones before it.
static void GuardSlab(void) {
  char* first = Alloc(1000);
  char* guard = (char*)(((uintptr_t)first | 0xFFFFF) - 0xFFFF);
  for (int i = 0; i < 1200; ++i) (void)Alloc(1000);
  Blame(0, guard + 9);
  Touch(guard + 9);
}

static void GuardSlabAlone(void) {
  char* first = Alloc(1000);
  char* guard = (char*)(((uintptr_t)first | 0xFFFFF) - 0xFFFF);
  Blame(0, guard);
  Touch(guard);
}

static void GivenBack(void) {
  char* p = Alloc(5000000);
  memset(p, 1, 5000000);
  free(p);
  hak_trim(1);
  Blame(0, p + 2500000);
  Touch(p + 2500000);
}

static void Foreign(void) {
  char* p = (char*)mmap(NULL, PageSize(), PROT_READ,
                        MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  CHECK(p != MAP_FAILED);
  Blame(0, p);
  Touch(p);
}

static void DoubleFree(void) {
  char* p = Alloc(60);
  Blame(0, p);
  free(p);
  free(Escape(p));
}

static void DamagedNeighbour(void) {
  char* p = Neighbour();
  Blame(0, p);
  p[-1] = 0x41;
  free(p);
}

static void Abort(void) { abort(); }

static void Killed(void) {
  (void)Alloc(60);
  kill(getpid(), SIGBUS);
  for (;;) pause();
}

static void* InThread(void* unused) {
  Live();
  return unused;
}

static void Thread(void) {
  pthread_t thread;
  free(Alloc(1));
  CHECK_EQ(pthread_create(&thread, NULL, InThread, NULL), 0);
  pthread_join(thread, NULL);
}

static int Sink(char* p);
static int (*volatile sink)(char*) = Sink;
// Not inlined, and not a loop.
static int Sink(char* p) {
  char frame[1000];
  frame[0] = *p;
  return sink((char*)Escape(frame)) + frame[0];
}

static void* FullStack(void* unused) {
  free(Alloc(1));
  char begin = 0;
  return Sink(&begin) == 1 ? NULL : unused;
}

static void StackFull(void) { (void)FullStack(NULL); }

static void ThreadStackFull(void) {
  pthread_t thread;
  CHECK_EQ(pthread_create(&thread, NULL, FullStack, NULL), 0);
  pthread_join(thread, NULL);
}

// The heap's lock is held by the thread that crashes: a refill cannot write.
static void InMalloc(void) {
  char* p = Alloc(700);
  for (size_t page = 1; page < 65536 / PageSize(); ++page) {
    Protect(p + page * PageSize(), PROT_READ);
  }
  for (int i = 0; i < 1000; ++i) (void)Alloc(700);
}

// All that can be written to within a slab is garbage.
static void Garbage(void) {
  char* p = Neighbour();
  char* const page = (char*)((uintptr_t)p & ~(uintptr_t)4095);
  memset(page, 0x55, 4096);
  Write(p + 1);
}

// The report cannot look at the block, and says so.
static void NoLook(void) {
  char* p = Alloc(60);
  Blame(0, p);
  Protect(p, PROT_NONE);
  Touch(p);
}

static void MyHandler(int sig) {
  static const char words[] = "mine\n";
  if (write(2, words, sizeof words - 1) < 0 || sig != SIGSEGV) _exit(1);
  _exit(kMine);
}

// The runner calls hak_report_crashes first: here it is asked for again, after
// a look at what it answers. The handler before it is set by the runner.
static void Handler(void) {
  errno = 0;
  CHECK_EQ(hak_report_crashes(2), -1);
  CHECK_EQ(errno, EALREADY);
  errno = 0;
  CHECK_EQ(hak_report_crashes(12345), -1);
  CHECK_EQ(errno, EBADF);
  Null();
}

static pthread_barrier_t barrier;
static void* Together(void* unused) {
  free(Alloc(1));
  pthread_barrier_wait(&barrier);
  Touch((char*)16);
  return unused;
}

static void TwoThreads(void) {
  pthread_t thread;
  Blame(0, (char*)16);
  CHECK_EQ(pthread_barrier_init(&barrier, NULL, 2), 0);
  CHECK_EQ(pthread_create(&thread, NULL, Together, NULL), 0);
  (void)Together(NULL);
}

const CrashProgram kCrashPrograms[] = {
#include "tests/see/crash_words.inc"
};
const int kCrashProgramCount =
    (int)(sizeof kCrashPrograms / sizeof kCrashPrograms[0]);

void InstallMyHandler(void);
void InstallMyHandler(void) { signal(SIGSEGV, MyHandler); }
