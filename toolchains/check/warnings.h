// Holds: what does not change the verdict, but its reader should know.
// Read next: warnings.cc

#ifndef HAKMEM_TOOLCHAINS_CHECK_WARNINGS_H_
#define HAKMEM_TOOLCHAINS_CHECK_WARNINGS_H_

#include "toolchains/check/callers.h"
#include "toolchains/check/elf_file.h"
#include "toolchains/check/facts.h"
#include "toolchains/check/judge.h"
#include "toolchains/check/strangers.h"

namespace hakmem::check {

struct Seen {
  const ByAddress& locals;
  const Callers& callers;
};

// Fills in the version of the C library, too.
void Warn(ElfFile* file, const SymbolIndex& symbols, const Evidence& evidence,
          const Seen& seen, Report* report);

}  // namespace hakmem::check

#endif  // HAKMEM_TOOLCHAINS_CHECK_WARNINGS_H_
