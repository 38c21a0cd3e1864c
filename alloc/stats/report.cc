// Box:   stats.   Uses: platform.   Must not know: wrap.
// Holds: the three forms of the totals.
// Locks: none.   Read next: alloc/wrap/entry_points.cc

#include "alloc/stats/report.h"

#include <string.h>

#include "alloc/base/variant.h"
#include "alloc/stats/lock_report.h"
#include "alloc/stats/writer.h"
#include "alloc/tiny/registry.h"
#include "platform/die.h"

namespace hakmem::stats {
namespace {

struct Field {
  const char* name;
  uint64_t value;
};

// The names of Totals' numbers in their order, each with its end.
constexpr char kNames[] =
    "live\0cached\0committed\0dirty\0mapped\0peak_mapped\0purged\0metadata\0"
    "large_blocks\0large_bytes\0huge_blocks\0huge_bytes\0heaps\0"
    "slabs_from_pool\0slabs_from_mapping\0live_blocks\0cached_blocks\0purges";
constexpr unsigned CountNames() {
  unsigned count = 0;
  for (const char c : kNames) count += c == '\0' ? 1 : 0;
  return count;
}
static_assert(CountNames() * sizeof(uint64_t) == offsetof(Totals, classes));

// Calls `put(field)` for each of them: a table of pointers would be larger.
template <class Put>
void ForEachField(const Totals& totals, Put put) {
  const char* name = kNames;
  for (unsigned i = 0; i < CountNames(); ++i) {
    Field field = {name, 0};
    memcpy(&field.value,
           reinterpret_cast<const char*>(&totals) + i * sizeof(field.value),
           sizeof(field.value));
    put(field);
    while (*name != '\0') ++name;
    ++name;
  }
}

void WriteToFd(void* context, const char* text, size_t bytes) {
  (void)platform::WriteAll(*static_cast<const int*>(context), text, bytes);
}

}  // namespace

Sink FdSink(const int* fd) { return {WriteToFd, const_cast<int*>(fd)}; }

namespace {

// "slabs 3, used 70"
HAK_NOINLINE void PutText(Writer& out, const Field* fields, unsigned count) {
  for (unsigned i = 0; i < count; ++i) {
    out.Text(i == 0 ? "" : ", ").Text(fields[i].name).Text(" ");
    out.Number(fields[i].value);
  }
  out.Text("\n");
}

// {"slabs":3,"used":70}
HAK_NOINLINE void PutJson(Writer& out, const Field* fields, unsigned count) {
  for (unsigned i = 0; i < count; ++i) {
    out.Text(i == 0 ? "{\"" : ",\"").Text(fields[i].name).Text("\":");
    out.Number(fields[i].value);
  }
  out.Text("}");
}

// The first of each is only for JSON.
constexpr unsigned kClassFields = 4;
struct ClassFields {
  Field field[kClassFields];
};
ClassFields FieldsOf(const Totals& totals, unsigned c) {
  const ClassTotals& sum = totals.classes[c];
  return {{{"stride", tiny::kStride[c]},
           {"slabs", sum.slabs},
           {"used", sum.used},
           {"cached", sum.cached}}};
}

constexpr unsigned kHeapFields = 6;
struct HeapFields {
  Field field[kHeapFields];
};
HeapFields FieldsOf(const HeapTotals& sum) {
  return {{{"id", sum.id},
           {"idle", sum.idle ? 1u : 0u},
           {"slabs", sum.slabs},
           {"used", sum.used},
           {"cached", sum.cached},
           {"committed", sum.committed}}};
}

}  // namespace

void WriteText(const Totals& totals, uint64_t foreign_frees, Sink sink) {
  Writer out(sink);
  out.Text("hakmem ").Text(kVariant.name).Text("\n");
  ForEachField(totals, [&](const Field& field) { PutText(out, &field, 1); });
  if constexpr (kVariant.domain_route) {
    const Field field = {"foreign_frees", foreign_frees};
    PutText(out, &field, 1);
  }
  for (unsigned c = 0; c < tiny::kClasses; ++c) {
    const ClassFields sum = FieldsOf(totals, c);
    if (totals.classes[c].slabs == 0) continue;
    out.Text("class ").Number(sum.field[0].value).Text(": ");
    PutText(out, sum.field + 1, kClassFields - 1);
  }
  tiny::Heap* heap = tiny::FirstHeap();
  for (; heap != nullptr; heap = heap->next_heap) {
    const HeapFields sum = FieldsOf(ReadHeap(*heap));
    out.Text("heap ").Number(sum.field[0].value).Text(": ");
    PutText(out, sum.field + 1, kHeapFields - 1);
  }
  if constexpr (kVariant.lock_stats) WriteLocksText(out);
}

void WriteJson(const Totals& totals, uint64_t foreign_frees, Sink sink) {
  Writer out(sink);
  out.Text("{\"variant\":\"").Text(kVariant.name).Text("\"");
  ForEachField(totals, [&](const Field& f) { out.Pair(f.name, f.value); });
  if constexpr (kVariant.domain_route) out.Pair("foreign_frees", foreign_frees);
  const char* before = ",\"classes\":[";
  for (unsigned c = 0; c < tiny::kClasses; ++c) {
    PutJson(out.Text(before), FieldsOf(totals, c).field, kClassFields);
    before = ",";
  }
  before = "],\"per_heap\":[";
  tiny::Heap* heap = tiny::FirstHeap();
  if (heap == nullptr) out.Text(before);
  for (; heap != nullptr; heap = heap->next_heap) {
    const HeapFields sum = FieldsOf(ReadHeap(*heap));
    PutJson(out.Text(before), sum.field, kHeapFields);
    before = ",";
  }
  out.Text("]");
  if constexpr (kVariant.lock_stats) WriteLocksJson(out);
  out.Text("}\n");
}

namespace {

void XmlTotals(Writer& out, const Totals& totals) {
  out.Text("<total type=\"fast\" count=\"").Number(totals.cached_blocks);
  out.Text("\" size=\"").Number(totals.cached);
  out.Text("\"/>\n<total type=\"rest\" count=\"0\" size=\"");
  out.Number(totals.dirty).Text("\"/>\n");
}

void XmlSystem(Writer& out, size_t now, size_t most) {
  out.Text("<system type=\"current\" size=\"").Number(now);
  out.Text("\"/>\n<system type=\"max\" size=\"").Number(most);
  out.Text("\"/>\n<aspace type=\"total\" size=\"").Number(now);
  out.Text("\"/>\n<aspace type=\"mprotect\" size=\"").Number(now);
  out.Text("\"/>\n");
}

}  // namespace

// glibc lists what is free: here, what waits in the threads' caches. Its
// "system" is the heap without what is mapped by itself, as mallinfo2's arena.
void WriteXml(const Totals& totals, Sink sink) {
  Writer out(sink);
  const size_t arena = totals.mapped - totals.huge_bytes;
  out.Text("<malloc version=\"1\">\n<heap nr=\"0\">\n<sizes>\n");
  for (unsigned c = 0; c < tiny::kClasses; ++c) {
    const ClassTotals& sum = totals.classes[c];
    if (sum.cached == 0) continue;
    out.Text("  <size from=\"");
    out.Number(c == 0 ? 0 : tiny::UsableBytes(c - 1) + 1);
    out.Text("\" to=\"").Number(tiny::UsableBytes(c));
    out.Text("\" total=\"").Number(sum.cached * tiny::kStride[c]);
    out.Text("\" count=\"").Number(sum.cached).Text("\"/>\n");
  }
  out.Text("</sizes>\n");
  XmlTotals(out, totals);
  XmlSystem(out, arena, totals.peak_mapped);
  out.Text("</heap>\n");
  XmlTotals(out, totals);
  out.Text("<total type=\"mmap\" count=\"").Number(totals.huge_blocks);
  out.Text("\" size=\"").Number(totals.huge_bytes).Text("\"/>\n");
  XmlSystem(out, arena, totals.peak_mapped);
  out.Text("</malloc>\n");
}

}  // namespace hakmem::stats
