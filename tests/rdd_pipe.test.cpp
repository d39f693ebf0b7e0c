// pipe: rows through commands.
#include <csignal>

#include "rdd_fixture.hpp"

namespace millrace {
namespace {

using namespace tests;
using command = std::vector<std::string>;

class RddPipe : public testing::TestWithParam<const char*> {
 protected:
  context sc{{.name = "pipe", .master = GetParam()}};
};
INSTANTIATE_TEST_SUITE_P(Masters, RddPipe, testing::ValuesIn(masters), name_of_master);

TEST_P(RddPipe, LinesGoInAndOut) {
  EXPECT_EQ(sc.range(0, 5, 1, 2).pipe("cat").collect(), (strings{"0", "1", "2", "3", "4"}));
  const auto pairs = sc.parallelize<std::pair<std::string, int>>({{"a", 1}, {"b", 2}}, 1);
  EXPECT_EQ(pairs.pipe("tr a-z A-Z").collect(), (strings{"(A,1)", "(B,2)"}));
  EXPECT_EQ(sc.range(0, 10, 1, 3).pipe(command{"wc", "-l"}).collect(), (strings{"3", "3", "4"}));
  EXPECT_EQ(
      sc.range(0, 3, 1, 1).pipe({"sh", "-c", "printf 'a\\r\\n\\nlast'; cat >/dev/null"}).collect(),
      (strings{"a", "", "last"}));
  EXPECT_EQ(sc.empty<int>().pipe("cat").count(), 0);
  // An empty partition has its process too.
  EXPECT_EQ(sc.parallelize(strings{}, 2).pipe("wc -l").collect(), (strings{"0", "0"}));
}

TEST_P(RddPipe, MuchMoreThanAPipeHoldsGoesThroughBothWays) {
  const auto words = sc.range(0, 300'000, 1, 2).map([](std::int64_t n) {
    return "a line of some length, number " + std::to_string(n);
  });
  const auto out = words.pipe("cat");
  EXPECT_EQ(out.count(), 300'000);
  EXPECT_EQ(out.take(1)[0], "a line of some length, number 0");
  EXPECT_EQ(out.zip(words).filter([](const auto& p) { return p.first != p.second; }).count(), 0);
}

TEST_P(RddPipe, ACommandNeedNotReadEverything) {
  const auto many = sc.range(0, 200'000, 1, 1);
  EXPECT_EQ(many.pipe("head -n 2").collect(), (strings{"0", "1"}));
  EXPECT_EQ(many.pipe("true").count(), 0);
  // And its output need not be read: take ends an endless command.
  EXPECT_EQ(many.pipe("yes").take(2), (strings{"y", "y"}));
}

TEST_P(RddPipe, ACommandThatFailsFailsTheTask) {
  const auto data = sc.range(0, 4, 1, 2);
  const auto why = [&](const command& c) {
    return error_of<job_error>([&] { data.pipe(c).collect(); });
  };
  EXPECT_NE(why({"sh", "-c", "exit 3"}).find("ended with status 3: sh -c exit 3"),
            std::string::npos);
  EXPECT_NE(why({"sh", "-c", "kill -9 $$"}).find("ended with signal 9"), std::string::npos);
  const auto unknown = why({"no-such-command-anywhere"});
  EXPECT_NE(unknown.find("no-such-command-anywhere"), std::string::npos) << unknown;
  EXPECT_NE(unknown.find("in pipe"), std::string::npos) << unknown;
  const auto thrown = error_of<job_error>([&] {
    data.map([](std::int64_t n) -> int { throw std::runtime_error(std::to_string(n)); })
        .pipe("cat")
        .count();
  });
  EXPECT_NE(thrown.find("in map at row 0"), std::string::npos) << thrown;
  for (const auto* empty : {"", "  \t"})
    EXPECT_EQ(error_of<usage_error>([&] { data.pipe(empty); }), "pipe: the command is empty");
  EXPECT_EQ(error_of<usage_error>([&] { data.pipe(command{}); }), "pipe: the command is empty");
}

TEST_P(RddPipe, ALineHasALimit) {
  context small{{.master = GetParam(), .conf = {{"files.maxLineBytes", "256k"}}}};
  EXPECT_NE(error_of<job_error>([&] {
              small.range(0, 1, 1, 1).pipe({"sh", "-c", "head -c 1000000 /dev/zero"}).count();
            }).find("longer than files.maxLineBytes"),
            std::string::npos);
}

}  // namespace
}  // namespace millrace
