// Box:   tests/process.   Uses: tests/support.h.
// Holds: malloc in a signal handler that interrupted malloc: undefined, as
//        POSIX says, and in the other variants a thread that waits for itself;
//        the checked variant says so and aborts.
// Read next: system_test.c
#include <signal.h>
#include <sys/time.h>
#include <sys/wait.h>

#include "tests/support.h"

// Spans from 1 MiB on are no thread's: each call takes a lock, and what the
// handler can meet is a lock.
enum { kBytes = 1 << 20 };

static void OnAlarm(int unused) {
  (void)unused;
  (void)Escape(malloc(kBytes));
}

static void Interrupted(void) {
  struct sigaction action = {.sa_handler = OnAlarm};
  sigaction(SIGALRM, &action, NULL);
  const struct itimerval often = {{0, 50}, {0, 50}};
  setitimer(ITIMER_REAL, &often, NULL);
  const double end = Seconds() + 50;
  while (Seconds() < end) {
    for (int i = 0; i < 1000; ++i) free(Escape(malloc(kBytes)));
  }
}

// A handler that interrupts anything else may allocate.
static void TestBetween(void) {
  struct sigaction action = {.sa_handler = OnAlarm};
  sigaction(SIGUSR1, &action, NULL);
  for (int i = 0; i < 100; ++i) {
    free(Escape(malloc(kBytes)));
    raise(SIGUSR1);
  }
}

static void TestInterrupted(void) {
  int words[2];
  char said[300] = "";
  CHECK_EQ(pipe(words), 0);
  const pid_t pid = fork();
  CHECK(pid >= 0);
  if (pid == 0) {
    if (dup2(words[1], 2) < 0) _exit(8);
    Interrupted();
    _exit(0);
  }
  close(words[1]);
  int status = 0;
  CHECK_EQ(waitpid(pid, &status, 0), pid);
  CHECK(read(words[0], said, sizeof said - 1) > 0);
  CHECK_NOTE(strstr(said, "hakmem: malloc or free in a signal handler") == said,
             said);
  CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
  close(words[0]);
}

int main(void) {
  CheckHeapUnderTest();
  alarm(100);
  TestBetween();
  if (OnHakmem() && strcmp(hak_variant(), "checked") == 0) TestInterrupted();
  return CheckReport("signal_test");
}
