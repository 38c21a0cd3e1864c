#include <gtest/gtest.h>
#include <hakmem.h>

#include <memory>
#include <string>

TEST(Consumer, RunsOnHakmem) {
  EXPECT_STREQ(hak_variant(), "release");
  const auto text = std::make_unique<std::string>(1000, 'x');
  EXPECT_EQ(text->size(), 1000u);
}
