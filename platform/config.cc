// Box:   platform.   Uses: hakmem.h.   Must not know: SuperSlabs, blocks.
// Holds: the configuration of a program that defines none.
// Locks: none.   Read next: platform/page_source.h

#include "hakmem.h"
#include "platform/cpu.h"

// The program's own definition replaces it at link time.
extern "C" HAK_CONSTINIT const struct hak_config hak_config
    __attribute__((weak)) = {};
