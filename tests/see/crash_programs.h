// Box:   tests/see.   Uses: tests/support.h.
// Holds: what a crashing program may say to the runner.
// Read next: crash_programs.c
#ifndef TESTS_SEE_CRASH_PROGRAMS_H_
#define TESTS_SEE_CRASH_PROGRAMS_H_

typedef struct {
  const char* name;
  void (*run)(void);
  int signal;  // that it must end by; 0: by exit code kMine
  // What must be written, line by line, without "hakmem: crash: " and without
  // registers and gauges. %0 to %7: what Blame was told; *: any text. Empty:
  // this variant does not crash so, and the program is not run.
  const char* release;
  const char* hardened;
  // NULL, or what a register's line must be.
  const char* a_register;
} CrashProgram;

enum { kMine = 7, kBlamed = 8 };

extern const CrashProgram kCrashPrograms[];
extern const int kCrashProgramCount;

// The runner's: an address that the words must name.
void Blame(int which, const void* address);

#endif  // TESTS_SEE_CRASH_PROGRAMS_H_
