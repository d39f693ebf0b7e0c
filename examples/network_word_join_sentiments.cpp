// The happiest words of the last ten seconds, by a table of words and how happy they are: a stream
// joined with a dataset that does not change.
//
//     printf 'sunshine\t3\nrain\t-1\n' > sentiments.txt
//     nc -lk 9999          # in another terminal: type
//     network_word_join_sentiments localhost 9999 sentiments.txt
#include <charconv>
#include <cstdlib>
#include <iostream>
#include <millrace/millrace.hpp>

using namespace std::chrono_literals;
namespace mr = millrace;

namespace {

// "sunshine\t3"
std::pair<std::string_view, int> sentiment(std::string_view line) {
  const std::size_t tab = line.find('\t');
  int value = 0;
  if (tab != line.npos) std::from_chars(line.data() + tab + 1, line.data() + line.size(), value);
  return {line.substr(0, tab), value};
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4) {
    std::cerr << "usage: network_word_join_sentiments <host> <port> <table of word, tab, number>\n";
    return 2;
  }
  mr::context sc{{.name = "NetworkWordJoinSentiments", .master = "local[2]"}};
  mr::streaming_context ssc{sc, 1s};

  // Partitioned as the stream is and kept, so that only the stream's rows move in a batch.
  const auto sentiments = sc.text_file(argv[3]).map(sentiment).partition_by(2).cache();

  ssc.socket_text_stream(argv[1], std::atoi(argv[2]))
      .flat_map(mr::words())
      .map([](std::string_view word) { return std::pair{word, 1}; })
      .reduce_by_key_and_window(std::plus<>{}, {.length = 10s, .slide = 1s}, 2)
      .transform([sentiments](const mr::rdd<std::pair<std::string_view, int>>& counts) {
        return sentiments.join(counts)
            .map([](const auto& row) {
              const auto& [word, values] = row;
              return std::pair{values.first * values.second, word};
            })
            .sort_by_key({.ascending = false});
      })
      .print();

  ssc.start();
  ssc.await_termination();
}
