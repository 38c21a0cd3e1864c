// Box:   tests/misuse.   Uses: expect.h.
// Holds: the comparison of a run with its row of the table.
// Read next: runner.c
#include "tests/misuse/expect.h"

#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

static const char kPrefix[] = "hakmem: ";

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

// The pattern with the blamed address in the place of %p.
static void Expand(const char* words, const void* blamed, char* out,
                   size_t size) {
  const char* const mark = strstr(words, "%p");
  if (mark == NULL) {
    snprintf(out, size, "%s%s", kPrefix, words);
    return;
  }
  snprintf(out, size, "%s%.*s0x%llx%s", kPrefix, (int)(mark - words), words,
           (unsigned long long)(uintptr_t)blamed, mark + 2);
}

static bool IsOneLine(const char* text) {
  const char* const end = strchr(text, '\n');
  return end != NULL && end[1] == '\0';
}

static bool SaysExactly(const char* words, const Outcome* outcome) {
  char pattern[512];
  char line[sizeof outcome->output];
  Expand(words, outcome->blamed, pattern, sizeof pattern);
  snprintf(line, sizeof line, "%s", outcome->output);
  line[strcspn(line, "\n")] = '\0';
  return Glob(pattern, line);
}

static bool EndedBy(const Outcome* outcome, int sig) {
  return WIFSIGNALED(outcome->wait_status) &&
         WTERMSIG(outcome->wait_status) == sig;
}

static bool Faulted(const Outcome* outcome) {
  return EndedBy(outcome, SIGSEGV) || EndedBy(outcome, SIGBUS);
}

static const char* WhyNotDead(const char* words, const Outcome* outcome) {
  if (!EndedBy(outcome, SIGABRT)) return "it did not end by SIGABRT";
  if (!IsOneLine(outcome->output)) return "it did not say exactly one line";
  if (!SaysExactly(words, outcome)) return "its last words are others";
  return NULL;
}

const char* WhyNot(const char* expected, const Outcome* outcome) {
  if (EndedBy(outcome, SIGALRM)) return "it hung";
  if (strcmp(expected, OPEN) == 0) return NULL;
  if (strcmp(expected, SURVIVES) == 0) {
    if (outcome->output[0] != '\0') return "it was not silent";
    return outcome->wait_status != 0 ? "it did not exit with 0" : NULL;
  }
  if (strcmp(expected, GAINS) == 0) {
    const bool gained = WIFEXITED(outcome->wait_status) &&
                        WEXITSTATUS(outcome->wait_status) == kGained;
    return gained ? NULL : "it gained nothing";
  }
  if (strcmp(expected, CAUGHT) != 0) return WhyNotDead(expected, outcome);
  if (!Faulted(outcome)) return WhyNotDead("*", outcome);
  return outcome->output[0] != '\0' ? "it was not silent" : NULL;
}
