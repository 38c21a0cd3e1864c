// Frees an array on the stack.
#include "tests/misuse/misuse.h"

MISUSE(free_stack) {
  _Alignas(16) char array[4096];
  memset(Escape(array), 0xA1, sizeof array);
  Blame(array + 64);
  free(Escape(array + 64));
}
