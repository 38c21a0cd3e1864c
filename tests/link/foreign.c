/* Blocks of libc's own heap, as a library that was linked before hakmem might
 * hand them out: the checked variant gives them back to it, and counts. */
#include <hakmem.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void* __real_malloc(size_t bytes);

static uint64_t ForeignFrees(void) {
  struct hak_stats stats;
  hak_stats(&stats);
  return stats.foreign_frees;
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
  /* musl's realloc frees the old block by a name that is ours: 500 more. */
  return ForeignFrees() == 1000 || ForeignFrees() == 1500 ? 0 : 1;
}
