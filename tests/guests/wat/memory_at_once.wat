;; Asks for 256 MiB before it runs.
(memory $giant 4096)
