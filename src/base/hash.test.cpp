#include "millrace/detail/base/hash.hpp"

#include <gtest/gtest.h>

#include <set>
#include <string>
#include <vector>

namespace millrace::detail {
namespace {

std::uint64_t hash(const std::string& text) { return hash_bytes(text.data(), text.size()); }

// These are the format: a value that changes here moves every key of every checkpoint.
TEST(PartitionHash, Version1) {
  EXPECT_EQ(partition_hash_version, 1);
  EXPECT_EQ(mix(0xffffffffffffffff, 0xffffffffffffffff), 0xffffffffffffffffU);
  EXPECT_EQ(mix(0x123456789abcdef0, 0xfedcba9876543210), 0x317228f48165bb22U);
  EXPECT_EQ(hash(""), 0xa5506ff52926ac13U);
  EXPECT_EQ(hash("a"), 0x37c0ab888779f5baU);
  EXPECT_EQ(hash("word"), 0x730f604b0a7a281bU);
  EXPECT_EQ(hash("sentence"), 0xe964953bc9115c68U);
  EXPECT_EQ(hash("exactly sixteen!"), 0x148ed5a2cc1b0372U);
  EXPECT_EQ(hash("seventeen letters"), 0x9eca8c2461a84f91U);
  EXPECT_EQ(hash("The quick brown fox jumps over the lazy dog"), 0x1c3643c296ccecb5U);
}

TEST(PartitionHash, LooksAtEveryBitOfEveryLength) {
  for (std::size_t length = 0; length <= 70; ++length) {
    std::string text(length, 'a');
    std::set<std::uint64_t> seen{hash(text)};
    for (std::size_t bit = 0; bit < length * 8; ++bit) {
      text[bit / 8] = static_cast<char>(text[bit / 8] ^ 1 << bit % 8);
      EXPECT_TRUE(seen.insert(hash(text)).second) << length << " bit " << bit;
      text[bit / 8] = static_cast<char>(text[bit / 8] ^ 1 << bit % 8);
    }
  }
}

TEST(PartitionHash, LengthCounts) {
  std::set<std::uint64_t> seen;
  for (std::size_t length = 0; length <= 100; ++length) {
    EXPECT_TRUE(seen.insert(hash(std::string(length, '\0'))).second) << length;
  }
}

TEST(PartitionHash, SpreadsNumbersOverPartitions) {
  std::vector<int> counts(7);
  for (int i = 0; i < 70000; ++i) ++counts[hash("key" + std::to_string(i)) % 7];
  for (const int count : counts) {
    EXPECT_GT(count, 9500);
    EXPECT_LT(count, 10500);
  }
}

TEST(PartitionHash, ReadsNothingOutside) {
  for (std::size_t length = 0; length <= 70; ++length) {
    const std::vector<char> exact(length, 'x');  // the address sanitizer watches both ends
    EXPECT_EQ(hash_bytes(exact.data(), length), hash(std::string(length, 'x')));
  }
}

TEST(Checksum, IsXxh3) {
  EXPECT_EQ(checksum("", 0), 0x2d06800538d394c2U);
  EXPECT_NE(checksum("a", 1, 1), checksum("a", 1, 2));
}

}  // namespace
}  // namespace millrace::detail
