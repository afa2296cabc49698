# run: alone once
# One connection, a hundred thousand requests, no more memory at the end.

use Carmen::Test;
use IO::Socket::INET;

plan_sanitized('a hundred thousand requests are too slow under sanitizers');

my $COUNT = 100_000;
my $BATCH = 50;

my $t = Carmen::Test->new(workers => 1, access_log => 0);
my $c = $t->client(scope => 'catalog:read catalog:write');
my $made = $c->post('/api/v1/brands', json => { name => 'Soak' },
                    key => 'soak');
my $path = '/api/v1/brands/' . $made->json->{brandId};
my $bad = '/api/v1/brands/01890000-0000-7000-8000-00000000dead';

sub memory
{
    my ($worker) = $t->nginx->workers;
    my ($kb) = Carmen::Nginx::slurp("/proc/$worker/status") =~ /VmRSS:\s*(\d+)/;
    return $kb;
}

# In batches down one connection: the client is slower than the server.

my $socket = $c->connect;
my $rest = '';
my ($sent, %status) = (0);

sub batch
{
    my @batch = map { [GET => $_ % 10 ? $path : $bad] } 1 .. $BATCH;
    Carmen::Http::write_all($socket, join '', map { $c->format(@$_) } @batch)
        or return;

    for my $request (@batch) {
        my $reader = Carmen::Http::Reader->new($socket, 'GET', $rest);
        my $r = $reader->wait(Time::HiRes::time() + 30) or return;
        $rest = $reader->{data};
        $status{ $r->status }++;
        $status{wrong}++ if $request->[1] eq $path
            ? $r->status != 200 || $r->body !~ /"Soak"/
            : $r->status != 404;
    }
    $sent += @batch;
    return 1;
}

while ($sent < $COUNT / 10) {
    batch() or last;
}
my $before = memory();
while ($sent < $COUNT) {
    batch() or last;
}
my $after = memory();

is($sent, $COUNT, "$COUNT requests on one connection");
is($status{200}, $COUNT * 0.9, 'nine of ten found');
is($status{404}, $COUNT * 0.1, 'one of ten not found');
is($status{wrong}, undef, 'every answer was right');
cmp_ok($after - $before, '<', 512, "memory stays: $before kB, $after kB");

done_testing;
