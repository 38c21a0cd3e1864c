// Box:   tests/pool.   Uses: hakmem.h.
// Holds: a pool that is too small to be one.
// Read next: bad_pool_test.sh
#include <stdlib.h>

#include "hakmem.h"

static char buffer[100000];

const struct hak_config hak_config = {HAK_POOL(buffer, buffer + sizeof buffer)};

int main(void) { return malloc(1) != NULL; }
