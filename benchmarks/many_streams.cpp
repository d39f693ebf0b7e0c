// many_streams: what an operation of the stream graph costs a batch when there are 10, 100 and
// 1,000 of them; rows are few, so that only generating, scheduling and cleaning up count.
//
//   chain    one output at the end of n maps
//   fan      n / 2 maps of one input, each with an output of its own: a job each
//   union    one output over a union of n - 1 inputs

#include <millrace/testing.hpp>

#include <cstdio>

#include "measure.hpp"

namespace mr = millrace;

namespace {

using namespace std::chrono_literals;

struct graph {
  explicit graph(int size) : operations(size) {}

  /// The same rows in one block every batch, as a quiet source has them.
  mr::dstream<int> input() const {
    return streams.streaming().constant_stream(streams.context().parallelize({1, 2, 3}, 1));
  }
  void output(const mr::dstream<int>& of) {
    of.for_each_rdd([this](const mr::rdd<int>& rows) { counted += rows.count(); });
  }

  /// Microseconds an operation and batch: the median batch of those after the first fifth.
  double run() {
    std::vector<double> times;
    for (int i = 0; i < batches; ++i) {
      const bench::stopwatch time;
      streams.advance();
      if (i >= batches / 5) times.push_back(time.seconds() * 1e6 / operations);
    }
    return bench::median(times);
  }

  static constexpr int batches = 60;
  int operations;
  std::int64_t counted = 0;
  mr::testing::stream_fixture streams{{.master = "local[2]", .batch = 1s}};
};

std::int64_t chain(graph& g) {
  auto end = g.input();
  for (int i = 0; i < g.operations; ++i) end = end.map([](int x) { return x + 1; });
  g.output(end);
  return 3;
}

std::int64_t fan(graph& g) {
  const auto in = g.input();
  for (int i = 0; i < g.operations / 2; ++i) g.output(in.map([i](int x) { return x + i; }));
  return 3 * g.operations / 2;
}

std::int64_t union_of(graph& g) {
  std::vector<mr::dstream<int>> inputs;
  for (int i = 0; i < g.operations - 1; ++i) inputs.push_back(g.input());
  std::vector<mr::detail::stream_ptr> nodes;
  for (const auto& one : inputs) nodes.push_back(one.node());
  g.output(mr::dstream<int>(mr::detail::union_stream(std::move(nodes))));
  return 3 * (g.operations - 1);
}

void compare(const char* shape, std::int64_t (*build)(graph&)) {
  double smallest = 0;
  for (const int size : {10, 100, 1'000}) {
    graph g(size);
    const std::int64_t rows_a_batch = build(g);
    const double cost = g.run();
    bench::agree("rows", g.counted, rows_a_batch * graph::batches);
    if (size == 10) smallest = cost;
    std::printf(R"({"system": "millrace, %s of %d", "workload": "many_streams", "metric": "cost", )"
                R"("value": %.4g, "unit": "us/operation", "ratio": %.3g, "ratio_to": "%s of 10"})"
                "\n",
                shape, size, cost, smallest / cost, shape);
    std::fflush(stdout);
  }
}

}  // namespace

int main() {
  return bench::run_program([] {
    compare("chain", chain);
    compare("fan", fan);
    compare("union", union_of);
  });
}
