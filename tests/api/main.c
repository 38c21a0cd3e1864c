// Box:   tests/api.   Uses: the groups of api_test.h.
// Holds: main() of the conformance test of the malloc family. `api_test calloc`
//        runs one group only.
// Read next: alignment.c
#include <stdio.h>
#include <string.h>

#include "tests/api/api_test.h"
#include "tests/support.h"

typedef struct {
  const char* name;
  void (*run)(void);
} Group;

static const Group kGroups[] = {
    {"alignment", TestAlignment},
    {"impossible", TestImpossible},
    {"aligned_family", TestAlignedFamily},
    {"realloc", TestRealloc},
    {"usable_size", TestUsableSize},
    {"errno", TestErrno},
    {"calloc", TestCalloc},
    {"sized_free", TestSizedFree},
    {"header_byte", TestHeaderByte},
    {"gnu", TestGnu},
    {"order", TestOrder},
    {"quarantine", TestQuarantine},
    {"hak", TestHak},
};

int main(int argc, char** argv) {
  const char* const only = argc > 1 ? argv[1] : NULL;
  CheckHeapUnderTest();
  size_t run = 0;
  for (size_t i = 0; i < sizeof kGroups / sizeof kGroups[0]; ++i) {
    if (only != NULL && strcmp(only, kGroups[i].name) != 0) continue;
    snprintf(check_context, sizeof check_context, "group %s", kGroups[i].name);
    kGroups[i].run();
    ++run;
  }
  CHECK(run > 0);
  return CheckReport("api_test");
}
