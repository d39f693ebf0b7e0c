// What a source does with a record that it can't take.
#pragma once

namespace millrace {

enum class on_bad_record {
  fail,  ///< the stream stops with an error that says where the record was
  skip,  ///< the record is left out; the listeners' `receiver_error` and the log say how many
};

}  // namespace millrace
