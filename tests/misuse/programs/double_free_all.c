// Frees every block of a crowd, then the first of them once more.
#include "tests/misuse/misuse.h"

MISUSE(double_free_all) {
  void* blocks[500];
  for (int i = 0; i < 500; ++i) blocks[i] = Escape(malloc(size));
  Blame(blocks[0]);
  for (int i = 0; i < 500; ++i) free(blocks[i]);
  free(Escape(blocks[0]));
}
