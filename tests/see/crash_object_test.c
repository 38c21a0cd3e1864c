// Box:   tests/see.   Uses: tests/support.h.
// Holds: a program that calls nothing of hakmem.h, and whose crash is reported
//        all the same, because an object was linked in.
// Read next: blocks_test.c
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/support.h"

__attribute__((noreturn)) static void Child(int out) {
  const struct rlimit no_core = {0, 0};
  setrlimit(RLIMIT_CORE, &no_core);
  if (dup2(out, 2) < 0) _exit(3);
  char* p = (char*)Escape(malloc(60));
  free(p);
  free(Escape(p));
  _exit(0);
}

int main(void) {
  static char text[4096];
  int fds[2];
  CheckHeapUnderTest();
  CHECK_EQ(pipe(fds), 0);
  const pid_t pid = fork();
  CHECK(pid >= 0);
  if (pid == 0) Child(fds[1]);
  close(fds[1]);
  size_t length = 0;
  ssize_t got;
  while ((got = read(fds[0], text + length, sizeof text - 1 - length)) > 0) {
    length += (size_t)got;
  }
  int status;
  CHECK_EQ(waitpid(pid, &status, 0), pid);
  CHECK_NOTE(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT, text);
  const char* const words = strstr(text, "\nhakmem: crash: last words: double");
  CHECK_NOTE(words != NULL, text);
  CHECK_NOTE(strstr(words, "is 0 bytes inside a freed block") != NULL, text);
  return CheckReport("crash_object_test");
}
