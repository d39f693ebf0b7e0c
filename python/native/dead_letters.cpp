#include "dead_letters.hpp"

#include "millrace/dead_letters.hpp"
#include "pickled.hpp"

namespace millrace::python {

namespace {

void write_letter(const dead_letter& one, pickle_writer& to) {
  to.mark();
  to.number(one.time.time_since_epoch().count());
  if (one.batch_time) to.number(one.batch_time->time_since_epoch().count());
  else to.none();
  to.bytes(one.source);  // names of files need not be text
  to.bytes(one.position);
  to.bytes(one.reason);
  to.bytes(one.bytes);
  to.tuple();
}

}  // namespace

detail::node_ptr dead_letters_as_frames(const std::shared_ptr<detail::engine>& core,
                                        const std::string& directory) {
  return pickled(dead_letters(context(core), directory).node(),
                 {pickle_each<dead_letter, write_letter>});
}

}  // namespace millrace::python
