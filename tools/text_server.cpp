// millrace_text_server: sends lines of text to every client that connects to a port of this
// machine, and says at the end how much it really sent. For demos, tests and benchmarks of socket
// sources, where nc is not enough: it keeps a rate, serves many clients, and counts.

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <boost/asio.hpp>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <limits>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "millrace/detail/storage/file_system.hpp"
#include "millrace/error.hpp"

namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;
using namespace std::chrono_literals;

// From books and speeches whose copyright has long expired.
constexpr std::array<std::string_view, 72> sentences{
    "It is a truth universally acknowledged that a single man in possession of a good fortune must "
    "be in want of a wife",
    "Call me Ishmael",
    "Some years ago never mind how long precisely I thought I would sail about a little and see "
    "the watery part of the world",
    "It was the best of times it was the worst of times",
    "It was the age of wisdom it was the age of foolishness",
    "It is a far far better thing that I do than I have ever done",
    "Alice was beginning to get very tired of sitting by her sister on the bank",
    "And what is the use of a book thought Alice without pictures or conversations",
    "Down down down would the fall never come to an end",
    "The time has come the Walrus said to talk of many things",
    "Begin at the beginning the King said gravely and go on till you come to the end then stop",
    "To Sherlock Holmes she is always the woman",
    "You see but you do not observe",
    "When you have eliminated the impossible whatever remains however improbable must be the truth",
    "The game is afoot",
    "It was on a dreary night of November that I beheld the accomplishment of my toils",
    "I am by birth a Genevese and my family is one of the most distinguished of that republic",
    "Beware for I am fearless and therefore powerful",
    "Once upon a midnight dreary while I pondered weak and weary",
    "Quoth the Raven nevermore",
    "True nervous very very dreadfully nervous I had been and am",
    "You do not know about me without you have read a book by the name of The Adventures of Tom "
    "Sawyer",
    "All right then I will go to hell",
    "Tom said to himself that it was not such a hollow world after all",
    "I went to the woods because I wished to live deliberately",
    "The mass of men lead lives of quiet desperation",
    "If a man does not keep pace with his companions perhaps it is because he hears a different "
    "drummer",
    "A foolish consistency is the hobgoblin of little minds",
    "Four score and seven years ago our fathers brought forth on this continent a new nation",
    "The world will little note nor long remember what we say here",
    "We hold these truths to be self evident that all men are created equal",
    "When in the course of human events it becomes necessary for one people to dissolve the bands",
    "To be or not to be that is the question",
    "All the world is a stage and all the men and women merely players",
    "The quality of mercy is not strained",
    "Tomorrow and tomorrow and tomorrow creeps in this petty pace from day to day",
    "Now is the winter of our discontent made glorious summer by this sun of York",
    "Shall I compare thee to a summer day",
    "Friends Romans countrymen lend me your ears",
    "In the beginning God created the heaven and the earth",
    "To every thing there is a season and a time to every purpose under the heaven",
    "The race is not to the swift nor the battle to the strong",
    "There is grandeur in this view of life with its several powers",
    "From so simple a beginning endless forms most beautiful and most wonderful have been evolved",
    "If I have seen further it is by standing on the shoulders of giants",
    "Happy families are all alike every unhappy family is unhappy in its own way",
    "All happiness depends on a leisurely breakfast",
    "Marley was dead to begin with",
    "There is no doubt whatever about that",
    "Whether I shall turn out to be the hero of my own life these pages must show",
    "No one would have believed that this world was being watched keenly and closely",
    "The Time Traveller for so it will be convenient to speak of him was expounding a recondite "
    "matter to us",
    "Left Munich at half past eight in the evening and arrived at Vienna early next morning",
    "Listen to them the children of the night what music they make",
    "Squire Trelawney and the rest of these gentlemen asked me to write down the whole particulars "
    "about Treasure Island",
    "Fifteen men on the dead man and his chest",
    "The Mole had been working very hard all the morning spring cleaning his little home",
    "There is nothing half so much worth doing as simply messing about in boats",
    "All children except one grow up",
    "The studio was filled with the rich odour of roses",
    "There is only one thing in the world worse than being talked about and that is not being "
    "talked about",
    "I have nothing to declare except my genius",
    "Reader I married him",
    "There was no possibility of taking a walk that day",
    "I have just returned from a visit to my landlord the solitary neighbour that I shall be "
    "troubled with",
    "Emma Woodhouse handsome clever and rich seemed to unite some of the best blessings of "
    "existence",
    "On the top of the Crumpetty Tree the Quangle Wangle sat",
    "The Owl and the Pussy cat went to sea in a beautiful pea green boat",
    "Half a league half a league half a league onward",
    "Water water every where nor any drop to drink",
    "Tyger Tyger burning bright in the forests of the night",
    "The rest is silence",
};

struct options {
  std::uint16_t port = 9999;
  double rate = 200;        // lines a second to each client; 0: no limit
  std::uint64_t lines = 0;  // to all clients together; 0: no limit
  std::string file;
  std::optional<std::uint64_t> repeat;  // 0: without end
  bool once = false;
};

/// What is sent, and where its lines end.
struct text {
  std::string bytes;
  std::vector<std::size_t> ends;     // of each line: behind its '\n'
  std::vector<std::uint32_t> words;  // of each line: what a split at single spaces gives

  void cut() {
    std::uint32_t spaces = 0;
    for (std::size_t i = 0; i < bytes.size(); ++i) {
      if (bytes[i] == ' ') ++spaces;
      if (bytes[i] != '\n') continue;
      ends.push_back(i + 1);
      words.push_back(spaces + 1);
      spaces = 0;
    }
  }
};

text text_of(const std::string& path) {
  text all;
  if (path.empty()) {
    for (const std::string_view sentence : sentences) {
      all.bytes += sentence;
      all.bytes += '\n';
    }
  } else {
    const auto file = millrace::detail::file_system_for(path).open_read(path);
    all.bytes.resize(static_cast<std::size_t>(file->size()));
    all.bytes.resize(file->read_at(0, all.bytes.data(), all.bytes.size()));
    if (all.bytes.empty()) throw millrace::usage_error{"the file has no lines: \"" + path + "\""};
    if (all.bytes.back() != '\n') all.bytes += '\n';
  }
  all.cut();
  return all;
}

struct counts {
  std::uint64_t lines = 0;
  std::uint64_t words = 0;
  std::uint64_t bytes = 0;
  std::uint64_t clients = 0;
};

class client;

/// Everything runs on the thread of `run`.
class server {
 public:
  server(const options& chosen, const text& lines)
      : options_{chosen}, text_{lines}, acceptor_{io_}, retry_{io_}, signals_{io_} {}

  /// Returns when all is sent or a signal has come.
  counts run();

 private:
  friend class client;

  static constexpr auto unlimited = std::numeric_limits<std::uint64_t>::max();

  void listen();
  void accept();
  void stop();
  void left(const std::shared_ptr<client>& one);

  /// Lines that may still be promised to a client. A client that leaves gives back what it was
  /// promised and did not take, and the others are told.
  [[nodiscard]] std::uint64_t unpromised() const {
    return options_.lines == 0 ? unlimited : options_.lines - promised_;
  }

  const options& options_;
  const text& text_;
  asio::io_context io_{1};
  tcp::acceptor acceptor_;
  asio::steady_timer retry_;
  asio::signal_set signals_;
  std::set<std::shared_ptr<client>> clients_;
  std::uint64_t promised_ = 0;
  bool stopping_ = false;
  counts sent_;
};

class client : public std::enable_shared_from_this<client> {
 public:
  client(server& owner, tcp::socket socket)
      : server_{owner}, text_{owner.text_}, socket_{std::move(socket)}, timer_{owner.io_} {}

  void start() {
    error_code ignored;  // without it lines may come later, no more
    socket_.set_option(tcp::no_delay{true}, ignored);
    started_ = std::chrono::steady_clock::now();
    drain();
    send();
  }

  /// Sends what may be sent now. May be called at any time.
  void send() {
    if (writing_ || finished_) return;
    const std::uint64_t passes = server_.options_.repeat.value_or(0);
    if (server_.stopping_ || (passes != 0 && pass_ == passes)) return finish();

    const double rate = server_.options_.rate;
    std::uint64_t due = server::unlimited;
    if (rate > 0) {
      const std::chrono::duration<double> since = std::chrono::steady_clock::now() - started_;
      due = static_cast<std::uint64_t>(since.count() * rate) + 1 - taken_;
      if (due == 0) return wait(rate);
    }
    const std::uint64_t count = std::min(due, server_.unpromised());
    if (count == 0) return;  // all is promised; whoever gives back calls again

    slice_ = std::min(text_.ends.size(), line_ + std::min<std::uint64_t>(count, text_.ends.size()));
    const auto too_far = std::upper_bound(text_.ends.begin() + static_cast<std::ptrdiff_t>(line_),
                                          text_.ends.end(), offset_ + largest_slice);
    slice_ = std::clamp(static_cast<std::size_t>(too_far - text_.ends.begin()), line_ + 1, slice_);
    server_.promised_ += slice_ - line_;
    taken_ += slice_ - line_;
    write();
  }

  /// Ends at the next end of a line; a client that does not take it within a second is cut off.
  void stop() {
    if (finished_) return;
    if (!writing_) return finish();
    timer_.expires_after(1s);
    timer_.async_wait([self = shared_from_this()](error_code failed) {
      if (!failed && !self->finished_) self->leave();
    });
  }

 private:
  static constexpr std::size_t largest_slice = std::size_t{256} << 10;

  void wait(double rate) {
    const std::chrono::duration<double> due{static_cast<double>(taken_) / rate};
    const auto at = started_ + std::chrono::duration_cast<std::chrono::nanoseconds>(due);
    // Above a thousand lines a second several go at once, instead of a wake-up for each.
    timer_.expires_at(std::max(at, std::chrono::steady_clock::now() + 1ms));
    timer_.async_wait([self = shared_from_this()](error_code failed) {
      if (!failed) self->send();
    });
  }

  void write() {
    writing_ = true;
    const std::size_t to = text_.ends[slice_ - 1];
    socket_.async_write_some(asio::buffer(text_.bytes.data() + offset_, to - offset_),
                             [self = shared_from_this()](error_code failed, std::size_t count) {
                               self->written(failed, count);
                             });
  }

  void written(error_code failed, std::size_t count) {
    writing_ = false;
    if (finished_) return;
    offset_ += count;
    server_.sent_.bytes += count;
    for (; line_ < slice_ && text_.ends[line_] <= offset_; ++line_) {
      ++server_.sent_.lines;
      server_.sent_.words += text_.words[line_];
    }
    if (failed) return leave();
    const bool within_line = line_ < slice_ && offset_ > (line_ == 0 ? 0 : text_.ends[line_ - 1]);
    if (server_.stopping_) give_back(within_line ? line_ + 1 : line_);
    if (line_ < slice_) return write();
    if (line_ == text_.ends.size()) {
      ++pass_;
      line_ = slice_ = offset_ = 0;
    }
    if (server_.sent_.lines == server_.options_.lines) server_.stop();
    send();
  }

  void give_back(std::size_t slice) {
    server_.promised_ -= slice_ - slice;
    slice_ = slice;
  }

  /// Reads what the client says and forgets it: closing a socket with unread bytes would destroy
  /// what the client has not read yet.
  void drain() {
    socket_.async_read_some(asio::buffer(heard_),
                            [self = shared_from_this()](error_code failed, std::size_t) {
                              if (!failed) return self->drain();
                              if (self->finished_) self->close();
                            });
  }

  /// All lines are sent: the client sees the end, and has a second to close too.
  void finish() {
    finished_ = true;
    error_code ignored;  // the client may have closed already
    socket_.shutdown(tcp::socket::shutdown_send, ignored);
    timer_.expires_after(1s);
    timer_.async_wait([self = shared_from_this()](error_code failed) {
      if (!failed) self->close();
    });
    server_.left(shared_from_this());
  }

  /// The client has gone, or is cut off.
  void leave() {
    finished_ = true;
    give_back(line_);
    close();
    server_.left(shared_from_this());
  }

  void close() {
    timer_.cancel();
    error_code ignored;
    socket_.close(ignored);
  }

  server& server_;
  const text& text_;
  tcp::socket socket_;
  asio::steady_timer timer_;
  std::array<char, 4096> heard_;
  std::chrono::steady_clock::time_point started_;
  std::uint64_t taken_ = 0;  // lines promised to this client so far
  std::uint64_t pass_ = 0;
  std::size_t line_ = 0;    // the next line, or the one that is partly sent
  std::size_t slice_ = 0;   // promised up to this line of the pass
  std::size_t offset_ = 0;  // sent up to this byte of the pass
  bool writing_ = false;
  bool finished_ = false;
};

void server::listen() {
  const tcp::endpoint here{asio::ip::address_v4::loopback(), options_.port};
  acceptor_.open(here.protocol());
  acceptor_.set_option(tcp::acceptor::reuse_address{true});
  error_code failed;
  acceptor_.bind(here, failed);
  if (!failed) acceptor_.listen(tcp::acceptor::max_listen_connections, failed);
  if (failed == asio::error::address_in_use) {
    throw millrace::usage_error{
        "the port is in use; stop the program that listens there, or choose another with --port: " +
        std::to_string(options_.port)};
  }
  if (failed) {
    throw millrace::error{"listening failed (" + failed.message() +
                          ") on port: " + std::to_string(options_.port)};
  }
}

counts server::run() {
  listen();
  signals_.add(SIGINT);
  signals_.add(SIGTERM);
  signals_.async_wait([this](error_code failed, int) {
    if (!failed) stop();
  });
  if (options_.port == 0) {
    std::printf("%u\n", static_cast<unsigned>(acceptor_.local_endpoint().port()));
    std::fflush(stdout);
  }
  accept();
  io_.run();
  return sent_;
}

void server::accept() {
  acceptor_.async_accept([this](error_code failed, tcp::socket socket) {
    if (stopping_) return;
    if (!failed) {
      ++sent_.clients;
      const auto one = std::make_shared<client>(*this, std::move(socket));
      clients_.insert(one);
      one->start();
      if (!stopping_) accept();
      return;
    }
    // Most likely too many open files: one may be free later.
    retry_.expires_after(100ms);
    retry_.async_wait([this](error_code cancelled) {
      if (!cancelled) accept();
    });
  });
}

void server::stop() {
  if (stopping_) return;
  stopping_ = true;
  error_code ignored;
  acceptor_.close(ignored);
  retry_.cancel();
  signals_.cancel(ignored);
  const auto clients = clients_;
  for (const auto& one : clients) one->stop();
}

void server::left(const std::shared_ptr<client>& one) {
  clients_.erase(one);
  if (options_.once) stop();
  if (stopping_) return;
  const auto others = clients_;
  for (const auto& other : others) other->send();
}

options parse(int argc, char** argv) {
  options chosen;
  CLI::App app{"Sends lines of text to every client that connects to a port of this machine."};
  app.name("millrace_text_server");
  app.add_option("--port", chosen.port, "port on 127.0.0.1; 0: any, printed on stdout")
      ->capture_default_str();
  app.add_option("--rate", chosen.rate, "lines a second to each client; 0: as fast as it takes")
      ->check(CLI::Range(0.0, 1e9))
      ->capture_default_str();
  app.add_option("--lines", chosen.lines, "end after so many lines to all clients; 0: no limit")
      ->capture_default_str();
  app.add_option("--file", chosen.file, "send this file's lines instead of the built-in sentences");
  app.add_option("--repeat", chosen.repeat,
                 "times the text is sent to a client; 0: without end (default: 1 with --file)");
  app.add_flag("--once", chosen.once, "end when the first client is done");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& e) {
    std::exit(app.exit(e));
  }
  if (!chosen.repeat && !chosen.file.empty()) chosen.repeat = 1;
  return chosen;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    const options chosen = parse(argc, argv);
    const text lines = text_of(chosen.file);
    const counts sent = server{chosen, lines}.run();
    std::fprintf(stderr, "{\"lines\":%ju,\"words\":%ju,\"bytes\":%ju,\"clients\":%ju}\n",
                 std::uintmax_t{sent.lines}, std::uintmax_t{sent.words}, std::uintmax_t{sent.bytes},
                 std::uintmax_t{sent.clients});
    return EXIT_SUCCESS;
  } catch (const std::exception& e) {
    std::fprintf(stderr, "millrace_text_server: %s\n", millrace::describe(e).c_str());
    return EXIT_FAILURE;
  }
}
