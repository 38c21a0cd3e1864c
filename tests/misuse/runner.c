// Box:   tests/misuse.   Uses: expect.h.
// Holds: main(): runs every row of expectations.inc in a process of its own.
//        `misuse_test --print` shows what every row really does;
//        `misuse_test double_free 24` runs one program in this process.
// Read next: expect.c
//
// A child is forked and not executed: under qemu-user a target's program
// cannot start another. This process allocates nothing, so that every child
// finds the heap as a program does that has just begun.
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "hakmem.h"
#include "tests/misuse/expect.h"

#define ROW(name, ...) extern const Misuse misuse_##name;
#define ALL ROW
#include "tests/misuse/expectations.inc"
#undef ALL
#undef ROW

#define ROW(name, size, release, hardened, checked) \
  {&misuse_##name, size, release, hardened, checked},
#define ALL(name, size, words) ROW(name, size, words, words, words)
static const Row kRows[] = {
#include "tests/misuse/expectations.inc"
};
enum { kRowCount = sizeof kRows / sizeof kRows[0], kSeconds = 20 };

static const void** blamed;  // in memory shared with the children

void Blame(const void* p) {
  if (blamed != NULL) *blamed = p;
}

void Gained(const char* what) {
  char line[128];
  const int n = snprintf(line, sizeof line, "gained: %s\n", what);
  if (n < 0 || write(2, line, (size_t)n) != n) _exit(3);
  _exit(kGained);
}

size_t StrideOf(size_t size) {
  struct hak_stats stats;
  hak_stats(&stats);
  for (int i = 0; i < HAK_CLASSES; ++i) {
    // Hardened keeps two bytes of a block for itself.
    if (stats.classes[i].stride > size + 2) return stats.classes[i].stride;
  }
  return (size + 8191) & ~(size_t)4095;  // whole units, and one more
}

unsigned char* ForeignPages(size_t bytes) {
  enum { kHole = 65536 };  // a multiple of every page size
  unsigned char* p =
      (unsigned char*)mmap(NULL, bytes + 2 * kHole, PROT_READ | PROT_WRITE,
                           MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  CHECK(p != MAP_FAILED);
  CHECK_EQ(munmap(p, kHole), 0);
  CHECK_EQ(munmap(p + kHole + bytes, kHole), 0);
  return p + kHole;
}

__attribute__((noreturn)) static void Child(const Row* row, int out) {
  const struct rlimit no_core = {0, 0};
  setrlimit(RLIMIT_CORE, &no_core);
  if (dup2(out, 1) < 0 || dup2(out, 2) < 0) _exit(3);
  alarm(kSeconds);
  row->misuse->run(row->size);
  _exit(0);
}

// Under qemu-user the emulator remarks on every deadly signal.
static void StripEmulatorLine(char* text) {
  char* const mark = strstr(text, "qemu: uncaught target signal");
  if (mark != NULL) *mark = '\0';
}

static void RunRow(const Row* row, Outcome* outcome) {
  int fds[2];
  CHECK_EQ(pipe(fds), 0);
  *blamed = NULL;
  const pid_t pid = fork();
  CHECK(pid >= 0);
  if (pid == 0) Child(row, fds[1]);
  close(fds[1]);
  size_t length = 0;
  ssize_t got;
  while (length + 1 < sizeof outcome->output &&
         (got = read(fds[0], outcome->output + length,
                     sizeof outcome->output - 1 - length)) > 0) {
    length += (size_t)got;
  }
  close(fds[0]);
  outcome->output[length] = '\0';
  CHECK_EQ(waitpid(pid, &outcome->wait_status, 0), pid);
  outcome->blamed = *blamed;
  StripEmulatorLine(outcome->output);
}

static const char* Expected(const Row* row) {
#if defined(HAKMEM_VARIANT_HARDENED)
  return row->hardened;
#elif defined(HAKMEM_VARIANT_CHECKED)
  return row->checked;
#else
  return row->release;
#endif
}

static void Print(const Row* row, const Outcome* outcome, const char* why) {
  const int status = outcome->wait_status;
  const bool killed = WIFSIGNALED(status);
  printf("%-26s %7zu  %s %2d  blamed 0x%llx  %s\n%s%s", row->misuse->name,
         row->size, killed ? "signal" : "exit  ",
         killed ? WTERMSIG(status) : WEXITSTATUS(status),
         (unsigned long long)(uintptr_t)outcome->blamed, why == NULL ? "" : why,
         outcome->output, strchr(outcome->output, '\n') == NULL ? "\n" : "");
}

static int RunTable(bool print_all) {
  static Outcome outcome;
  // stdio's own buffer would be the heap's.
  static char buffer[8192];
  setvbuf(stdout, buffer, _IOLBF, sizeof buffer);
  int failed = 0;
  for (size_t i = 0; i < kRowCount; ++i) {
    RunRow(&kRows[i], &outcome);
    const char* const why = WhyNot(Expected(&kRows[i]), &outcome);
    const bool good = why == NULL;
    if (!good || print_all) Print(&kRows[i], &outcome, why);
    if (good) CheckPassed();
    failed += !good;
  }
  printf("misuse_test: %d rows, %d failed\n", (int)kRowCount, failed);
  fflush(stdout);
  return failed == 0 ? CheckReport("misuse_test") : 1;
}

int main(int argc, char** argv) {
  CheckHeapUnderTest();
  void* shared = mmap(NULL, sizeof *blamed, PROT_READ | PROT_WRITE,
                      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  CHECK(shared != MAP_FAILED);
  blamed = (const void**)shared;
  if (argc == 3) {
    for (size_t i = 0; i < kRowCount; ++i) {
      if (strcmp(kRows[i].misuse->name, argv[1]) != 0) continue;
      kRows[i].misuse->run(strtoul(argv[2], NULL, 0));
      return 0;
    }
    fprintf(stderr, "misuse_test: there is no program %s.\n", argv[1]);
    return 2;
  }
  return RunTable(argc == 2 && strcmp(argv[1], "--print") == 0);
}
