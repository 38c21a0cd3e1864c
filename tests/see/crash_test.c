// Box:   tests/see.   Uses: crash_programs.h.
// Holds: main(): runs every program of the table in a process of its own, which
//        reports crashes, and compares what it wrote and how it ended.
//        `crash_test --print` shows what every program writes.
// Read next: crash_object_test.c
//
// A child is forked and not executed: under qemu-user a target's program
// cannot start another. This process allocates nothing, so that every child
// finds the heap as a program does that has just begun.
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "hakmem.h"
#include "tests/see/crash_programs.h"
#include "tests/support.h"

static const char kPrefix[] = "hakmem: crash: ";
static const char kGauges[] =
    "heap: in use *, free and dirty *, mapped besides Huge blocks *, peak *, "
    "purged *";
enum { kSeconds = 20, kMostLines = 32 };

static const void** blamed;  // in memory shared with the children

void Blame(int which, const void* address) { blamed[which] = address; }

// crash_programs.c
void InstallMyHandler(void);

// `*` matches any text, also none; everything else itself.
static bool Glob(const char* pattern, const char* text) {
  while (*pattern != '\0' && *pattern != '*') {
    if (*pattern++ != *text++) return false;
  }
  if (*pattern == '\0') return *text == '\0';
  for (;; ++text) {
    if (Glob(pattern + 1, text)) return true;
    if (*text == '\0') return false;
  }
}

// The pattern of one line with its addresses; "<" in front: without prefix.
static void Expand(const char* words, size_t length, char* out, size_t size) {
  size_t at = 0;
  const char* const end = words + length;
  if (*words == '<') {
    ++words;
  } else {
    at = (size_t)snprintf(out, size, "%s", kPrefix);
  }
  for (; words < end; ++words) {
    CHECK(at + 32 < size);
    if (*words == '%') {
      const uintptr_t address = (uintptr_t)blamed[*++words - '0'];
      at += (size_t)snprintf(out + at, size - at, "0x%llx",
                             (unsigned long long)address);
    } else {
      out[at++] = *words;
    }
  }
  out[at] = '\0';
}

static bool Matches(const char* words, size_t length, const char* line) {
  char pattern[512];
  Expand(words, length, pattern, sizeof pattern);
  return Glob(pattern, line);
}

// "hakmem: crash: rdi: 0x..."
static bool IsRegister(const char* line) {
  if (strncmp(line, kPrefix, sizeof kPrefix - 1) != 0) return false;
  const char* const name = line + sizeof kPrefix - 1;
  const size_t length = strcspn(name, ": ");
  return (*name == 'r' || *name == 'x') && length <= 3 && name[length] == ':';
}

__attribute__((noreturn)) static void Child(const CrashProgram* program,
                                            int out) {
  const struct rlimit no_core = {0, 0};
  // So that a stack that is full is soon full.
  const struct rlimit stack = {1 << 20, 1 << 20};
  setrlimit(RLIMIT_CORE, &no_core);
  setrlimit(RLIMIT_STACK, &stack);
  if (dup2(out, 2) < 0) _exit(3);
  alarm(kSeconds);
  if (program->signal == 0) InstallMyHandler();
  CHECK_EQ(hak_report_crashes(2), 0);
  program->run();
  _exit(0);
}

typedef struct {
  int status;
  char text[8192];
} Outcome;

static void Run(const CrashProgram* program, Outcome* outcome) {
  int fds[2];
  CHECK_EQ(pipe(fds), 0);
  for (int i = 0; i < kBlamed; ++i) blamed[i] = NULL;
  const pid_t pid = fork();
  CHECK(pid >= 0);
  if (pid == 0) Child(program, fds[1]);
  close(fds[1]);
  size_t length = 0;
  ssize_t got;
  while (length + 1 < sizeof outcome->text &&
         (got = read(fds[0], outcome->text + length,
                     sizeof outcome->text - 1 - length)) > 0) {
    length += (size_t)got;
  }
  close(fds[0]);
  outcome->text[length] = '\0';
  CHECK_EQ(waitpid(pid, &outcome->status, 0), pid);
  // Under qemu-user the emulator remarks on every deadly signal.
  char* const mark = strstr(outcome->text, "qemu: uncaught target signal");
  if (mark != NULL) *mark = '\0';
}

// The lines that are left when those of registers are taken out. Returns
// whether one of these was as `wanted` says.
static bool Split(char* text, const char* wanted, char* lines[], int* count) {
  bool found = false;
  *count = 0;
  for (char* line = strtok(text, "\n"); line != NULL;
       line = strtok(NULL, "\n")) {
    if (IsRegister(line)) {
      found |= wanted != NULL && Matches(wanted, strlen(wanted), line);
    } else if (*count < kMostLines) {
      lines[(*count)++] = line;
    }
  }
  return found;
}

static const char* WhyNotWords(const char* expected, char* lines[], int count) {
  int i = 0;
  bool cut_short = false;
  while (*expected != '\0') {
    const size_t length = strcspn(expected, "\n");
    if (strncmp(expected, "<mine", length) == 0 && i < count &&
        Matches(kGauges, sizeof kGauges - 1, lines[i])) {
      ++i;  // the report ends before the other handler begins
      cut_short = true;
    }
    if (i == count) return "a line is missing";
    if (!Matches(expected, length, lines[i])) return lines[i];
    if (strstr(lines[i], "ends here") != NULL) cut_short = true;
    ++i;
    expected += length;
    if (*expected == '\n') ++expected;
  }
  if (!cut_short) {
    if (i == count) return "the gauges are missing";
    if (!Matches(kGauges, sizeof kGauges - 1, lines[i])) return lines[i];
    ++i;
  }
  return i == count ? NULL : "there are more lines";
}

static const char* WhyNot(const CrashProgram* program, Outcome* outcome) {
  char* lines[kMostLines];
  int count;
  const bool ended =
      program->signal == 0
          ? WIFEXITED(outcome->status) && WEXITSTATUS(outcome->status) == kMine
          : WIFSIGNALED(outcome->status) &&
                WTERMSIG(outcome->status) == program->signal;
  if (!ended) return "it did not end so";
  const char* const words = OnHardened() ? program->hardened : program->release;
  const bool found = Split(outcome->text, program->a_register, lines, &count);
  if (program->a_register != NULL && !found) return "no register is so";
  return WhyNotWords(words, lines, count);
}

int main(int argc, char** argv) {
  CheckHeapUnderTest();
  void* shared = mmap(NULL, kBlamed * sizeof *blamed, PROT_READ | PROT_WRITE,
                      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  CHECK(shared != MAP_FAILED);
  blamed = (const void**)shared;
  static char buffer[8192];  // stdio's own would be the heap's
  setvbuf(stdout, buffer, _IOLBF, sizeof buffer);
  const bool print_all = argc == 2 && strcmp(argv[1], "--print") == 0;
  int failed = 0;
  int run = 0;
  for (int i = 0; i < kCrashProgramCount; ++i) {
    const CrashProgram* const program = &kCrashPrograms[i];
    static Outcome outcome;
    static char copy[sizeof outcome.text];
    if ((OnHardened() ? program->hardened : program->release)[0] == '\0') {
      continue;
    }
    Run(program, &outcome);
    memcpy(copy, outcome.text, sizeof copy);
    const char* const why = WhyNot(program, &outcome);
    if (why != NULL || print_all) {
      printf("--- %s, status 0x%x: %s\n%s", program->name,
             (unsigned)outcome.status, why == NULL ? "as it should" : why,
             copy);
    }
    if (why == NULL) CheckPassed();
    failed += why != NULL;
    ++run;
  }
  printf("crash_test: %d programs, %d failed\n", run, failed);
  fflush(stdout);
  return failed == 0 ? CheckReport("crash_test") : 1;
}
