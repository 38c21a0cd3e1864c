// Reads a new block: the last owner's data must be gone.
#include "tests/misuse/misuse.h"

MISUSE(read_uninitialized) {
  for (int round = 0; round < 100; ++round) {
    char* p = (char*)Escape(malloc(size));
    for (size_t i = 16; i < size; ++i) {
      if (p[i] == 0x5E) Gained("data of the block's last owner");
    }
    memset(p, 0x5E, size);
    free(p);
  }
}
