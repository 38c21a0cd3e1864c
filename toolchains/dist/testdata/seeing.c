#include <hakmem.h>
#include <stdio.h>
#include <stdlib.h>

static int count(void* context, const struct hak_block* block) {
  *(int*)context += block->state == HAK_BLOCK_LIVE;
  return 0;
}

/* What is only linked if it is called. */
int main(void) {
  char* p = malloc(100);
  struct hak_block block;
  int live = 0;
  if (p == NULL || hak_block_of(p + 7, &block) != 1) return 1;
  if (block.start != p || block.offset != 7) return 1;
  hak_for_each_block(count, &live);
  printf("%s\n", live > 0 && hak_heaps(NULL, 0) > 0 ? "seeing" : "blind");
  free(p);
  return 0;
}
