// A heap image in memory, as hak_dump wrote it, checked.
// Read next: page.h

#ifndef HAKMEM_TOOLCHAINS_VIEW_HEAP_IMAGE_H_
#define HAKMEM_TOOLCHAINS_VIEW_HEAP_IMAGE_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "alloc/stats/dump_format.h"

namespace hakmem::view {

struct HeapOfThread {
  dump::HeapRecord record;
  std::vector<dump::HeapClass> classes;
};

struct HeapImage {
  std::string name;  // of the file
  dump::FileHeader header;
  dump::Totals totals;
  dump::ClassTotals classes[dump::kClassCount];
  std::vector<HeapOfThread> heaps;
  std::vector<dump::SuperRecord> supers;
  std::vector<dump::SlabRecord> slabs;
  std::vector<dump::SpanRecord> spans;
  std::vector<dump::HugeRecord> huge;
};

// Without a value `*error` is a sentence that says what is wrong with the file.
std::optional<HeapImage> ReadImage(const std::string& path, std::string* error);

}  // namespace hakmem::view

#endif  // HAKMEM_TOOLCHAINS_VIEW_HEAP_IMAGE_H_
