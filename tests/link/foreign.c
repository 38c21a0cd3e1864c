/* Blocks of libc's own heap, as a library that was linked before hakmem might
 * hand them out: the checked variant gives them back to it, and counts. */
#include <hakmem.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void* __real_malloc(size_t bytes);

static uint64_t ForeignFrees(void) {
  struct hak_stats stats;
  hak_stats(&stats);
  return stats.foreign_frees;
}

/* The report says the same, in both forms. */
static int IsReported(int format, const char* name) {
  static char report[32768];
  char expected[64];
  int fds[2];
  if (pipe(fds) != 0 || hak_stats_write(fds[1], format) != 0) return 0;
  close(fds[1]);
  size_t length = 0;
  ssize_t got;
  while (length < sizeof report - 1 &&
         (got = read(fds[0], report + length, sizeof report - 1 - length)) > 0)
    length += (size_t)got;
  close(fds[0]);
  report[length] = '\0';
  snprintf(expected, sizeof expected, "%s%llu", name,
           (unsigned long long)ForeignFrees());
  return strstr(report, expected) != NULL;
}

int main(void) {
  for (size_t i = 0; i < 1000; i++) {
    char* volatile block = __real_malloc(100 + i);
    strcpy(block, "libc's");
    if (i % 2 != 0) block = realloc(block, 5000);
    if (block == NULL || strcmp(block, "libc's") != 0) return 1;
    free(block);
  }
  printf("%llu foreign frees\n", (unsigned long long)ForeignFrees());
  if (!IsReported(HAK_TEXT, "\nforeign_frees ") ||
      !IsReported(HAK_JSON, "\"foreign_frees\":")) {
    printf("the report does not say so\n");
    return 1;
  }
  /* musl's realloc frees the old block by a name that is ours: 500 more. */
  return ForeignFrees() == 1000 || ForeignFrees() == 1500 ? 0 : 1;
}
