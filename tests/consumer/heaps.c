#include <hakmem.h>
#include <stdio.h>

int main(void) {
  printf("%zu\n", hak_heaps(NULL, 0));
  return 0;
}
