// Box:   tests/boxes.   Uses: the models.   Must not know: real slabs.
// Holds: the check that the protocols of the remote word and of the SuperSlab
//        word hold in every interleaving, and that the check would notice.
// Read next: tests/boxes/explorer.h

#include <string>

#include "gtest/gtest.h"
#include "tests/boxes/remote_model.h"
#include "tests/boxes/super_model.h"

namespace hakmem::boxes {
namespace {

void ExpectHolds(const Finding& finding) {
  EXPECT_EQ(finding.violation, "") << finding.trace;
  EXPECT_TRUE(finding.complete) << finding.states << " states";
  // A search that never begins finds nothing either.
  EXPECT_GT(finding.states, 100000u);
}

// Block 3 is the owner's, 0 and 1 are thread 1's, 2 is thread 2's.
RemoteModel::Config Remote(bool starts_full, uint8_t owner, uint8_t adopter) {
  RemoteModel::Config config;
  config.held[0] = 8;
  config.held[1] = 3;
  config.held[2] = 4;
  config.budget[0] = owner;
  config.budget[1] = 1;
  config.budget[2] = 1;
  config.budget[3] = adopter;
  config.starts_full = starts_full;
  return config;
}

class RemoteWordHolds : public testing::TestWithParam<bool> {};
INSTANTIATE_TEST_SUITE_P(OpenAndFull, RemoteWordHolds, testing::Bool());

// Exit, adoption and reuse between an owner, two pushers and a second heap.
TEST_P(RemoteWordHolds, WithAdopter) {
  ExpectHolds(Check(Remote(GetParam(), 2, 2)));
}

// A long life in one heap: full, opened, full again.
TEST_P(RemoteWordHolds, WithBusyOwner) {
  ExpectHolds(Check(Remote(GetParam(), 4, 0)));
}

// Thread 1 comes twice.
TEST_P(RemoteWordHolds, WithTwoPushes) {
  RemoteModel::Config config = Remote(GetParam(), 2, 1);
  config.budget[1] = 2;
  ExpectHolds(Check(config));
}

struct RemoteSeed {
  RemoteFault fault;
  uint8_t owner, adopter;
  const char* violation;
};
class RemoteWordFault : public testing::TestWithParam<RemoteSeed> {};

TEST_P(RemoteWordFault, IsFound) {
  RemoteModel::Config config =
      Remote(true, GetParam().owner, GetParam().adopter);
  config.fault = GetParam().fault;
  const Finding finding = Check(config);
  EXPECT_EQ(finding.violation, GetParam().violation) << finding.trace;
}

INSTANTIATE_TEST_SUITE_P(
    Seeded, RemoteWordFault,
    testing::Values(RemoteSeed{RemoteFault::kFullWithNotify, 4, 0,
                               "two notifies in flight"},
                    RemoteSeed{RemoteFault::kReleaseWithNotify, 2, 1,
                               "released with a notify in flight"},
                    RemoteSeed{RemoteFault::kOrphanWithNotify, 2, 2,
                               "a notify reaches the wrong heap"},
                    RemoteSeed{RemoteFault::kNoTag, 2, 2,
                               "nobody releases an empty slab"},
                    RemoteSeed{RemoteFault::kNoNotify, 2, 1,
                               "nobody looks at blocks that came back"},
                    RemoteSeed{RemoteFault::kIdleNotSeen, 2, 1,
                               "an idle heap keeps a slab"},
                    RemoteSeed{RemoteFault::kIdleTooLate, 2, 1,
                               "an idle heap keeps a slab"},
                    RemoteSeed{RemoteFault::kHelpUnchecked, 2, 1,
                               "a helper works on another's slab"},
                    RemoteSeed{RemoteFault::kAdoptBlindly, 2, 2,
                               "released while in a list"},
                    RemoteSeed{RemoteFault::kStaleUsed, 2, 2,
                               "nobody releases an empty slab"}));

// What the protocol does not promise: an empty slab goes back at the owner's
// next slow path at the latest, and an owner that sleeps for ever has none. So
// a sleeping thread may keep an empty slab per class.
TEST(RemoteWord, SleepingOwnerMayKeepAnEmptySlab) {
  RemoteModel::Config config = Remote(true, 2, 0);
  config.owner_sleeps = true;
  EXPECT_EQ(Check(config).violation, "nobody releases an empty slab");
}

// One free slab; two threads hold one each, the rest stays in use.
SuperModel::Config NearlyEmptyPool() {
  SuperModel::Config config;
  config.free[0] = 4;
  config.held[1] = 1;
  config.held[2] = 2;
  for (uint8_t& budget : config.budget) budget = 2;
  return config;
}

// All but two slabs are free, so that SuperSlabs come to be unmapped.
SuperModel::Config NearlyFullPool() {
  SuperModel::Config config = NearlyEmptyPool();
  config.free[0] = 0xFFFC;
  config.free[1] = 0xFFFF;
  config.held[0] = 1;
  config.held[1] = 2;
  config.held[2] = 0;
  return config;
}

TEST(SuperWord, HoldsInANearlyEmptyPool) {
  ExpectHolds(Check(NearlyEmptyPool()));
}
TEST(SuperWord, HoldsInANearlyFullPool) {
  ExpectHolds(Check(NearlyFullPool()));
}

// The CASes of this word are right without the tag as well: whoever takes a
// slab from a word that looks the same takes a slab that is as free. It is kept
// for what is read beside the word.
TEST(SuperWord, HoldsWithoutTag) {
  SuperModel::Config config = NearlyFullPool();
  config.fault = SuperFault::kNoTag;
  ExpectHolds(Check(config));
}

struct SuperSeed {
  SuperFault fault;
  const char* violation;
};
class SuperWordFault : public testing::TestWithParam<SuperSeed> {};

TEST_P(SuperWordFault, IsFound) {
  SuperModel::Config config = NearlyEmptyPool();
  config.fault = GetParam().fault;
  const Finding finding = Check(config);
  EXPECT_EQ(finding.violation, GetParam().violation) << finding.trace;
}

INSTANTIATE_TEST_SUITE_P(
    Seeded, SuperWordFault,
    testing::Values(
        SuperSeed{SuperFault::kNoSecondLook,
                  "a free slab that no search finds"},
        SuperSeed{SuperFault::kPeekBeforePut,
                  "a free slab that no search finds"},
        SuperSeed{SuperFault::kNoBit, "a free slab that no search finds"},
        SuperSeed{SuperFault::kPurgeInPlace, "a slab is purged while owned"},
        SuperSeed{SuperFault::kCleanUnseen, "a dirty slab is called clean"},
        SuperSeed{SuperFault::kRetireBusy, "a slab is purged while owned"},
        SuperSeed{SuperFault::kPutByStore, "a slab is lost"}));

}  // namespace
}  // namespace hakmem::boxes
