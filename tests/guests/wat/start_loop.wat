;; Loops in the start function, before any export is called.
(func $start (loop $again (br $again)))
(start $start)
