// More data than memory: the same rows in the same order as with enough, and the disk left clean.
#include <sys/resource.h>

#include <csignal>
#include <map>

#include "rdd_fixture.hpp"

namespace millrace::tests {

/// Keys whose hashes are mostly equal.
struct crowded {
  int n;
  bool operator==(const crowded&) const = default;
};

}  // namespace millrace::tests

template <>
struct std::hash<millrace::tests::crowded> {
  std::size_t operator()(const millrace::tests::crowded& key) const noexcept {
    return static_cast<std::size_t>(key.n % 64);
  }
};

namespace millrace::tests {
namespace {

using detail::event;

/// The same dataset with enough memory and with little: equal, and only the second one spills.
class Spill : public testing::TestWithParam<const char*> {
 protected:
  template <class Make>
  void compare(Make make, const char* little = "1m") {
    const context enough{{.name = "enough", .master = GetParam()}};
    event_recorder quiet(enough);
    const auto expected = by_partition(make(enough));
    EXPECT_EQ(quiet.count(event::kind::task_spilled), 0);
    const context tight{
        {.name = "tight", .master = GetParam(), .conf = {{"memory.budget", little}}}};
    event_recorder seen(tight);
    const auto found = by_partition(make(tight));
    EXPECT_GT(seen.count(event::kind::task_spilled), 0);
    ASSERT_EQ(found.size(), expected.size());
    for (std::size_t p = 0; p < expected.size(); ++p)
      ASSERT_TRUE(found[p] == expected[p]) << "partition " << p;
  }
};
INSTANTIATE_TEST_SUITE_P(Masters, Spill, testing::ValuesIn(masters), name_of_master);

std::string long_key(std::int64_t n) {
  return "a key that does not lie inline " + std::to_string(n);
}

TEST_P(Spill, SumsOfDifferentKeys) {
  compare([](const context& sc) {
    return sc.range(0, 200'000, 1, 3)
        .map([](std::int64_t n) { return std::pair{(n * 7919) % 60'000, std::int64_t{1}}; })
        .reduce_by_key(std::plus<>{}, 3);
  });
}

TEST_P(Spill, KeysThatNeverRepeat) {
  compare([](const context& sc) {
    return sc.range(0, 200'000, 1, 2)
        .map([](std::int64_t n) { return std::pair{n ^ 0x55, n}; })
        .reduce_by_key(std::plus<>{}, 2);
  });
}

TEST_P(Spill, LongTextKeysAndAFunctionOfTheProgram) {
  compare([](const context& sc) {
    return sc.range(0, 60'000, 1, 3)
        .map([](std::int64_t n) { return std::pair{long_key(n % 20'000), n}; })
        .reduce_by_key([](std::int64_t a, std::int64_t b) { return std::max(a, b); }, 2);
  });
}

TEST_P(Spill, ViewsAndTextAsValues) {
  const auto words = long_words(30'000);
  compare([&](const context& sc) {
    return sc.parallelize(words, 3)
        .map([](const std::string& w) {
          return std::pair{std::string_view(w).substr(20), std::string_view(w)};
        })
        .reduce_by_key([](std::string_view a, std::string_view b) { return std::min(a, b); }, 2)
        .map([](const auto& kv) { return std::pair<std::string, std::string>(kv); });
  });
}

TEST_P(Spill, ValuesThatGrow) {
  compare([](const context& sc) {
    return sc.range(0, 100'000, 1, 3)
        .map([](std::int64_t n) { return std::pair{static_cast<int>(n % 5000), n}; })
        .combine_by_key([](std::int64_t n) { return std::vector{n}; },
                        [](std::vector<std::int64_t> all, std::int64_t n) {
                          all.push_back(n);
                          return all;
                        },
                        [](std::vector<std::int64_t> a, const std::vector<std::int64_t>& b) {
                          a.insert(a.end(), b.begin(), b.end());
                          return a;
                        });
  });
}

TEST_P(Spill, Distinct) {
  compare([](const context& sc) {
    return sc.range(0, 200'000, 1, 3)
        .map([](std::int64_t n) { return std::pair{static_cast<int>(n % 50'000), 'x'}; })
        .distinct(2);
  });
}

TEST_P(Spill, SortsAreStable) {
  compare([](const context& sc) {
    return sc.range(0, 150'000, 1, 3)
        .map([](std::int64_t n) { return std::pair{static_cast<int>(n * 7919 % 1000), n}; })
        .sort_by_key({.ascending = false, .partitions = 2});
  });
}

TEST_P(Spill, SortsOfLongText) {
  compare([](const context& sc) {
    return sc.range(0, 40'000, 1, 3)
        .map([](std::int64_t n) { return std::pair{long_key(n * 7919 % 9000), n}; })
        .sort_by_key({.partitions = 3});
  });
}

rdd<std::pair<int, std::int64_t>> numbers(const context& sc, std::int64_t rows, int keys) {
  return sc.range(0, rows, 1, 3).map([keys](std::int64_t n) {
    return std::pair{static_cast<int>(n * 7919 % keys), n};
  });
}
rdd<std::pair<std::string, std::string>> texts(const context& sc, std::int64_t rows, int keys) {
  return sc.range(0, rows, 1, 2).map([keys](std::int64_t n) {
    return std::pair{long_key(n * 31 % keys), long_key(n)};
  });
}

TEST_P(Spill, Groups) {
  compare([](const context& sc) { return numbers(sc, 60'000, 9000).group_by_key(2); });
}

TEST_P(Spill, GroupsOfText) {
  compare([](const context& sc) { return texts(sc, 20'000, 4000).group_by_key(2); });
}

TEST_P(Spill, GroupsOfViews) {
  const auto words = long_words(20'000);
  compare([&](const context& sc) {
    return sc.parallelize(words, 3)
        .map([](const std::string& w) {
          return std::pair{std::string_view(w).substr(w.size() - 3), std::string_view(w)};
        })
        .group_by_key(2)
        .map([](const auto& group) {
          return std::pair{std::string(group.first),
                           std::vector<std::string>(group.second.begin(), group.second.end())};
        });
  });
}

TEST_P(Spill, GroupsOfKeysWithEqualHashes) {
  compare([](const context& sc) {
    return numbers(sc, 30'000, 2000)
        .map([](const auto& kv) { return std::pair{crowded{kv.first}, kv.second}; })
        .group_by_key(2)
        .map([](const auto& group) { return std::pair{group.first.n, group.second}; });
  });
}

TEST_P(Spill, Cogroup) {
  compare([](const context& sc) {
    return numbers(sc, 40'000, 9000).cogroup(numbers(sc, 30'000, 5000), numbers(sc, 5000, 12'000));
  });
}

TEST_P(Spill, Join) {
  compare([](const context& sc) {
    return numbers(sc, 40'000, 9000).join(numbers(sc, 30'000, 12'000), 2);
  });
}

TEST_P(Spill, OuterJoins) {
  compare([](const context& sc) {
    return texts(sc, 12'000, 3000).full_outer_join(texts(sc, 9000, 5000), 2);
  });
  compare([](const context& sc) {
    return numbers(sc, 30'000, 9000).left_outer_join(numbers(sc, 40'000, 5000), 2);
  });
  compare([](const context& sc) {
    return numbers(sc, 30'000, 5000).right_outer_join(numbers(sc, 40'000, 9000), 2);
  });
}

TEST_P(Spill, SubtractByKey) {
  compare([](const context& sc) {
    return numbers(sc, 60'000, 9000).subtract_by_key(numbers(sc, 40'000, 7000));
  });
}

TEST_P(Spill, ALargeSidePassesASmallOne) {
  compare([](const context& sc) {
    return numbers(sc, 200'000, 9000).join(numbers(sc, 300, 12'000), 2);
  });
}

TEST_P(Spill, SidesThatArePartitionedAlready) {
  compare([](const context& sc) {
    const hash_partitioner by{2};
    return numbers(sc, 60'000, 9000)
        .partition_by(by)
        .join(numbers(sc, 50'000, 12'000).reduce_by_key(std::plus<>{}, 2))
        .group_by_key();
  });
}

TEST_P(Spill, Repartition) {
  compare([](const context& sc) {
    return sc.range(0, 100'000, 1, 3)
        .map([](std::int64_t n) { return long_key(n); })
        .repartition(4);
  });
}

TEST_P(Spill, PartitionBy) {
  compare([](const context& sc) {
    return sc.range(0, 200'000, 1, 3)
        .map([](std::int64_t n) { return std::pair{n, n}; })
        .partition_by(hash_partitioner{3});
  });
}

TEST_P(Spill, ShuffledAgain) {
  compare([](const context& sc) {
    return sc.range(0, 150'000, 1, 3)
        .map([](std::int64_t n) { return std::pair{n % 70'000, std::int64_t{1}}; })
        .reduce_by_key(std::plus<>{}, 3)
        .map([](const auto& kv) { return std::pair{kv.first % 1000, kv.second}; })
        .reduce_by_key(std::plus<>{}, 2)
        .sort_by_key();
  });
}

/// Rows of the tests' own: each is counted.
TEST_P(Spill, NoRowIsLeftBehind) {
  {
    const context sc{{.name = "tight", .master = GetParam(), .conf = {{"memory.budget", "1m"}}}};
    const auto rows =
        sc.range(0, 50'000, 1, 2)
            .map([](std::int64_t n) {
              return std::pair{tracked{static_cast<int>(n % 20'000)}, tracked{static_cast<int>(n)}};
            })
            .reduce_by_key(
                [](const tracked& a, const tracked& b) { return tracked{std::max(a.n, b.n)}; })
            .sort_by_key();
    EXPECT_EQ(rows.count(), 20'000);
  }
  EXPECT_EQ(tracked::alive, 0);
}

TEST(SpillErrors, AKeyThatDoesNotFit) {
  const context sc{{.name = "tight", .master = "local[2]", .conf = {{"memory.budget", "1m"}}}};
  const auto all =
      sc.range(0, 200'000, 1, 2)
          .map([](std::int64_t n) { return std::pair{n % 2, n}; })
          .combine_by_key([](std::int64_t n) { return std::vector{n}; },
                          [](std::vector<std::int64_t> v, std::int64_t n) {
                            v.push_back(n);
                            return v;
                          },
                          [](std::vector<std::int64_t> a, const std::vector<std::int64_t>& b) {
                            a.insert(a.end(), b.begin(), b.end());
                            return a;
                          });
  const auto what = error_of<job_error>([&] { all.collect(); });
  EXPECT_NE(what.find("does not fit in the memory that one task may use"), what.npos) << what;
  EXPECT_NE(what.find("combine_by_key"), what.npos) << what;
}

TEST(SpillErrors, AGroupThatDoesNotFit) {
  const context sc{{.name = "tight", .master = "local[2]", .conf = {{"memory.budget", "1m"}}}};
  const auto groups = sc.range(0, 200'000, 1, 2)
                          .map([](std::int64_t n) { return std::pair{n % 2, n}; })
                          .group_by_key();
  const auto what = error_of<job_error>([&] { groups.collect(); });
  EXPECT_NE(what.find("group_by_key: the rows of one key do not fit"), what.npos) << what;
}

TEST(SpillErrors, AFullDisk) {
  // A limit on the size of files is as good as a full disk.
  rlimit before{};
  ASSERT_EQ(getrlimit(RLIMIT_FSIZE, &before), 0);
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);
  rlimit small = before;
  small.rlim_cur = 256 << 10;
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &small), 0);
  const scratch_directory scratch;
  std::string what;
  {
    const context sc{{.name = "full",
                      .master = "local[2]",
                      .conf = {{"memory.budget", "1m"}, {"local.dir", scratch.path("local")}}}};
    what = error_of<job_error>([&] { sc.range(0, 300'000, 1, 2).repartition(3).count(); });
    EXPECT_EQ(sc.range(0, 100, 1, 2).repartition(3).count(), 100);  // the context lives on
  }
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &before), 0);
  std::signal(SIGXFSZ, handler);
  EXPECT_NE(what.find("the local directory failed"), what.npos) << what;
  EXPECT_NE(what.find("local.dir"), what.npos) << what;
  EXPECT_TRUE(std::filesystem::is_empty(scratch.path("local")));
}

TEST(SpillErrors, ADirectoryThatCannotBe) {
  const scratch_directory scratch;
  const auto file = scratch.write("file", "text");
  const context sc{{.name = "nowhere",
                    .master = "local[2]",
                    .conf = {{"memory.budget", "1m"}, {"local.dir", file + "/below"}}}};
  const auto what = error_of<job_error>([&] { sc.range(0, 300'000, 1, 2).repartition(3).count(); });
  EXPECT_NE(what.find(file), what.npos) << what;
}

/// Open files of this process below a directory, names or not.
int open_files_in(const std::string& directory) {
  int n = 0;
  for (const auto& link : std::filesystem::directory_iterator("/proc/self/fd")) {
    std::error_code gone;
    const auto target = std::filesystem::read_symlink(link.path(), gone);
    n += !gone && target.string().starts_with(directory) ? 1 : 0;
  }
  return n;
}

TEST(SpillFiles, EndWithWhatIsInThem) {
  const scratch_directory scratch;
  const context sc{
      {.name = "closed", .master = "local[2]", .conf = {{"local.dir", scratch.path("local")}}}};
  const auto data = sc.range(0, 10'000, 1, 2);
  data.persist(storage_level::disk);
  data.count();
  EXPECT_GT(open_files_in(scratch.path("local")), 0);
  data.unpersist();
  EXPECT_EQ(open_files_in(scratch.path("local")), 0);
  data.persist(storage_level::disk);
  data.count();
  EXPECT_GT(open_files_in(scratch.path("local")), 0);
  sc.stop();
  EXPECT_EQ(open_files_in(scratch.path("local")), 0);
}

TEST(SpillFiles, HaveNoNames) {
  const scratch_directory scratch;
  const context sc{{.name = "nameless",
                    .master = "local[2]",
                    .conf = {{"memory.budget", "1m"}, {"local.dir", scratch.path("local")}}}};
  event_recorder seen(sc);
  const auto shuffled = sc.range(0, 300'000, 1, 2).repartition(3);
  EXPECT_EQ(shuffled.count(), 300'000);
  EXPECT_GT(seen.count(event::kind::task_spilled), 0);
  EXPECT_TRUE(std::filesystem::is_empty(scratch.path("local")));
}

}  // namespace
}  // namespace millrace::tests
