#include <stdio.h>
#include <stdlib.h>

#include "hakmem.h"

static char buffer[4 << 20];

const struct hak_config hak_config = {HAK_POOL(buffer, buffer + sizeof buffer)};

int main(void) {
  char* p = malloc(100);
  if (p < buffer || p > buffer + sizeof buffer) return 1;
  if (hak_pool_used() == 0) return 2;
  free(p);
  puts("pool");
  return 0;
}
