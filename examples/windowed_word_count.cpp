// The most frequent words of the last ten seconds, every second, of what a server sends.
//
//     nc -lk 9999          # in another terminal: type
//     windowed_word_count localhost 9999
#include <cstdlib>
#include <iostream>
#include <millrace/millrace.hpp>

using namespace std::chrono_literals;
namespace mr = millrace;

int main(int argc, char** argv) {
  if (argc != 3) {
    std::cerr << "usage: windowed_word_count <host> <port>\n";
    return 2;
  }
  mr::context sc{{.name = "WindowedWordCount", .master = "local[2]"}};
  mr::streaming_context ssc{sc, 1s};

  using count = std::pair<std::string_view, int>;
  ssc.socket_text_stream(argv[1], std::atoi(argv[2]))
      .flat_map(mr::words())
      .map([](std::string_view word) { return count{word, 1}; })
      .reduce_by_key_and_window(std::plus<>{}, std::minus<>{}, {.length = 10s, .slide = 1s},
                                [](const count& row) { return row.second != 0; })
      .transform([](const mr::rdd<count>& counts) {
        return counts.sort_by([](const count& row) { return std::pair{-row.second, row.first}; });
      })
      .print();

  ssc.start();
  ssc.await_termination();
}
