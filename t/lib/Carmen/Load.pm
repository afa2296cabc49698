package Carmen::Load;

# Clients beside the test, while it breaks something.
#
#   my $load = Carmen::Load->start($t, 4, sub {
#       my ($client, $n) = @_;      a Carmen::Http of this process, a counter
#       my $r = $client->get('/...');
#       return $r->status;          the outcome, any text
#   }, scope => 'catalog:read');
#   ... break ...
#   my @outcomes = $load->stop;     [start, elapsed, outcome] in time's order
#
# An exception is an outcome too: "died: ...".

use strict;
use warnings;

use IO::Handle;
use POSIX ();
use Time::HiRes qw(sleep time);


sub start
{
    my ($class, $test, $clients, $block, %claims) = @_;
    my $self = bless { pids => [], files => [], pid => $$ }, $class;
    my $token = %claims ? $test->token(%claims) : undef;

    for my $number (1 .. $clients) {
        my $file = $test->nginx->dir . "/load.$$.$number."
            . scalar(@{ $self->{files} }) . '.' . int(time * 1000);
        my $pid = fork // die "fork: $!";

        if ($pid == 0) {
            my $stop = 0;
            $SIG{TERM} = sub { $stop = 1 };
            open my $out, '>', $file or POSIX::_exit(1);
            $out->autoflush;

            my $client = Carmen::Http->new(port => $test->port,
                token => $token, timeout => 20);
            for (my $n = 1; !$stop && getppid == $self->{pid}; $n++) {
                my $start = time;
                my $outcome = eval { $block->($client, "$number-$n") }
                    // "died: $@";
                $outcome =~ s/\s+/ /g;
                printf $out "%.6f %.6f %s\n", $start, time - $start, $outcome;
                sleep 0.003;
            }
            close $out;
            POSIX::_exit(0);
        }
        push @{ $self->{pids} }, $pid;
        push @{ $self->{files} }, $file;
    }
    return $self;
}


# What has come so far: in time's order, or how many.

sub read
{
    my ($self) = @_;
    my $all = $self->{all} //= [];

    for my $file (@{ $self->{files} }) {
        my $in = $self->{in}{$file};
        if (!$in) {
            open $in, '<', $file or next;
            $self->{in}{$file} = $in;
        }

        seek $in, 0, 1;
        while (my $line = <$in>) {
            if ($line !~ /\n\z/) {
                seek $in, -length $line, 1;
                last;
            }
            push @$all, [$line =~ /^(\S+) (\S+) (.*)$/];
        }
    }
    return wantarray ? sort { $a->[0] <=> $b->[0] } @$all : scalar @$all;
}


sub stop
{
    my ($self) = @_;
    my @pids = splice @{ $self->{pids} };
    local ($?, $!);

    kill 'TERM', @pids;
    waitpid $_, 0 for @pids;
    return $self->read;
}


sub DESTROY
{
    my ($self) = @_;
    $self->stop if $self->{pid} == $$;
}


1;
