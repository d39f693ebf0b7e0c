// Running totals of the words that a server sends, line by line; "hello" and "world" begin at 1.
//
//     nc -lk 9999          # in another terminal: type
//     stateful_network_word_count localhost 9999
#include <cstdlib>
#include <iostream>
#include <millrace/millrace.hpp>
#include <string>

using namespace std::chrono_literals;
namespace mr = millrace;

int main(int argc, char** argv) {
  if (argc != 3) {
    std::cerr << "usage: stateful_network_word_count <host> <port>\n";
    return 2;
  }
  mr::context sc{{.name = "StatefulNetworkWordCount", .master = "local[2]"}};
  mr::streaming_context ssc{sc, 1s};

  const auto initial = sc.parallelize<std::pair<std::string, int>>({{"hello", 1}, {"world", 1}});

  auto words = ssc.socket_text_stream(argv[1], std::atoi(argv[2]))
                   .flat_map(mr::words())
                   .map([](std::string_view word) { return std::pair{std::string(word), 1}; });
  auto totals = words.map_with_state<int>(
      [](const std::string& word, const int* one, mr::state<int>& total) {
        total.update(total.get_or(0) + *one);
        return std::pair{word, total.get()};
      },
      {.initial = initial});
  totals.print();              // the words of the batch, with their totals
  totals.snapshots().print();  // all words

  ssc.start();
  ssc.await_termination();
}
