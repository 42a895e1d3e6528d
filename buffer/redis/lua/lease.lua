-- Makes the owner's lease last ARGV 5 ms from now: 0 lets go of it.
return fault_of_owner() or { 'ok' }
