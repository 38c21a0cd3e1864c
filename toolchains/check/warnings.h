// Holds: what does not change the verdict, but its reader should know.
// Read next: warnings.cc

#ifndef HAKMEM_TOOLCHAINS_CHECK_WARNINGS_H_
#define HAKMEM_TOOLCHAINS_CHECK_WARNINGS_H_

#include "toolchains/check/elf_file.h"
#include "toolchains/check/facts.h"
#include "toolchains/check/judge.h"

namespace hakmem::check {

// Fills in the version of the C library, too.
void Warn(ElfFile* file, const SymbolIndex& symbols, const Evidence& evidence,
          Report* report);

}  // namespace hakmem::check

#endif  // HAKMEM_TOOLCHAINS_CHECK_WARNINGS_H_
