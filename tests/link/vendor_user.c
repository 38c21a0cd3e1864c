// Uses the vendor's code. Its own malloc is hakmem's.
#include <stdlib.h>

extern void* vendor_block(void);

int main(void) {
  free(vendor_block());
  return malloc(1) == NULL;
}
