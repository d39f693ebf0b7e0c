// grep: lines that hold a word, counted.

#include <millrace/millrace.hpp>

#include <string>
#include <string_view>

#include "hand/hand.hpp"
#include "measure.hpp"

namespace mr = millrace;

namespace {

std::int64_t matching_lines(mr::context& sc, const std::string& file, int partitions) {
  return sc.text_file(file, partitions)
      .filter([](std::string_view line) { return line.find(hand::grep_needle) != line.npos; })
      .count();
}

void compare(const bench::pieces& data, int threads) {
  mr::context sc{{.name = "grep", .master = "local[" + std::to_string(threads) + "]"}};
  hand::line_finder plain(hand::style::plain, threads);
  hand::line_finder tuned(hand::style::tuned, threads);

  double lines = 0;
  std::int64_t expected = 0;
  for (std::size_t i = 0; i < data.size(); ++i) {
    lines += static_cast<double>(hand::lines_in(data.view(i)));
    expected += plain.count(data.view(i));
  }
  const auto millions_a_second = [&](const auto& count_piece) {
    const bench::stopwatch time;
    std::int64_t found = 0;
    for (std::size_t i = 0; i < data.size(); ++i) found += count_piece(i);
    const double seconds = time.seconds();
    bench::agree("numbers of lines", found, expected);
    return std::vector<double>{lines / seconds / 1e6};
  };

  const std::string plain_name = bench::on_threads("handwritten C++ plain", threads);
  const std::string tuned_name = bench::on_threads("handwritten C++ tuned", threads);
  bench::contest contest("grep", {{"throughput", "M lines/s"}});
  contest.add(plain_name, [&] {
    return millions_a_second([&](std::size_t i) { return plain.count(data.view(i)); });
  });
  contest.add(tuned_name, [&] {
    return millions_a_second([&](std::size_t i) { return tuned.count(data.view(i)); });
  });
  contest.add(bench::on_threads("millrace", threads),
              [&] {
                return millions_a_second(
                    [&](std::size_t i) { return matching_lines(sc, data.path(i), threads); });
              },
              {plain_name, tuned_name});
  contest.run();
}

}  // namespace

int main() {
  return bench::run_program([] {
    const bench::pieces data("words");
    compare(data, 2);
    compare(data, 1);
  });
}
