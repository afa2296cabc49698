# run: alone once
# What a request costs, where it can be counted and not only timed: user
# instructions, system calls, memory.

use Carmen::Test;
use IO::Select;
use Time::HiRes qw(sleep time);

plan_sanitized();

my $CLIENTS = 64;

# One product as a shop has it, read with an ES256 token, metrics on, access
# log off.

sub shop
{
    my (%with) = @_;
    my $t = Carmen::Test->new(access_log => 0,
        lanes => 'fast=1 write=1 lease=1', %with);

    $t->sql(q{
        INSERT INTO catalog.product (tenant, product_id, name, description,
                                     status)
        VALUES ('demo', '01890000-0000-7000-8000-000000000001', 'Kettle',
                repeat('A kettle of steel that whistles. ', 8), 'active');
        INSERT INTO catalog.variant (tenant, variant_id, product_id, sku, name)
        VALUES ('demo', '01890000-0000-7000-8000-000000000002',
                '01890000-0000-7000-8000-000000000001', 'KETTLE-1', '1 l'),
               ('demo', '01890000-0000-7000-8000-000000000003',
                '01890000-0000-7000-8000-000000000001', 'KETTLE-2', '2 l');
        INSERT INTO catalog.price (tenant, variant_id, currency, amount)
        VALUES ('demo', '01890000-0000-7000-8000-000000000002', 'EUR', 2995),
               ('demo', '01890000-0000-7000-8000-000000000003', 'EUR', 3995);
    });
    return $t;
}

my $PATH = '/api/v1/products/01890000-0000-7000-8000-000000000001';

# Each round, every client asks before any is answered.

sub rounds
{
    my ($c, $sockets, $rounds) = @_;
    my $bytes = $c->format(GET => $PATH);
    my $bad = 0;

    for my $round (1 .. $rounds) {
        Carmen::Http::write_all($_, $bytes) for @$sockets;
        for my $socket (@$sockets) {
            my $r = Carmen::Http::Reader->new($socket, 'GET')
                ->wait(time + 120);
            $bad++ if !$r || $r->status != 200 || $r->body !~ /"Kettle"/;
        }
    }
    return $bad;
}

sub clients
{
    my ($c, $count) = @_;
    return [map { $c->connect } 1 .. $count];
}

# User instructions, by callgrind: the difference of two runs leaves out
# start and end.  The counts are read before the directory goes.

{
    no warnings 'redefine';
    my $clean = \&Carmen::Nginx::clean;
    *Carmen::Nginx::clean = sub {
        my ($nginx) = @_;
        my ($most) = sort { $b <=> $a } map {
            Carmen::Nginx::slurp($_) =~ /^(?:summary|totals): (\d+)/m ? $1 : 0
        } glob "$nginx->{dir}/callgrind/*";
        $nginx->{instructions} = $most;
        $clean->($nginx);
    };
}

SKIP: {
    skip 'valgrind is not installed', 4
        if !Carmen::Cluster::run_quietly('valgrind', '--version');

    my ($few, $many) = (10, 60);
    my @counts;
    for my $rounds ($few, $many) {
        my $t = shop(workers => 1, no_start => 1);
        my $out = $t->nginx->dir . '/callgrind';
        mkdir $out;
        chmod 0777, $out;
        $t->nginx->{wrap} = ['valgrind', '-q', '--tool=callgrind',
            '--trace-children=yes', "--callgrind-out-file=$out/%p"];
        $t->nginx->start;

        my $c = $t->client(scope => 'catalog:read');
        wait_until { $c->get($PATH)->status == 200 } 'the product', 60;
        is(rounds($c, clients($c, $CLIENTS), $rounds), 0,
           "$rounds rounds of $CLIENTS under callgrind");
        $t->finish;
        push @counts, $t->nginx->{instructions};
    }

    my $each = ($counts[1] - $counts[0]) / (($many - $few) * $CLIENTS);
    cmp_ok($each, '>', 1000, 'instructions were counted');
    cmp_ok($each, '<=', 60_000, sprintf 'user instructions a GET: %d', $each);
}

# System calls, by strace.

SKIP: {
    skip 'strace is not installed', 2
        if !Carmen::Cluster::run_quietly('strace', '-V');

    my $t = shop();
    my $c = $t->client(scope => 'catalog:read');
    wait_until { $c->get($PATH)->status == 200 } 'the product';
    my $sockets = clients($c, $CLIENTS);
    rounds($c, $sockets, 5);

    my $file = $t->nginx->dir . '/strace';
    my $pid = $t->nginx->spawn('/dev/null', 'strace', '-f', '-c', '-o', $file,
        map { ('-p', $_) } $t->nginx->workers);
    wait_until {
        !grep { Carmen::Nginx::slurp("/proc/$_/status") =~ /TracerPid:\s+0$/m }
            $t->nginx->workers
    } 'strace is attached';

    my $rounds = 100;
    is(rounds($c, $sockets, $rounds), 0, "$rounds rounds under strace");
    kill 'INT', $pid;
    waitpid $pid, 0;

    my $report = Carmen::Nginx::slurp($file);
    my ($calls) = $report =~ /^100\.00\s+\S+\s+(?:\S+\s+)?(\d+)\s.*total$/m;
    my $each = $calls / ($rounds * $CLIENTS);
    cmp_ok($each, '<=', 3, sprintf 'system calls a GET: %.2f', $each)
        or diag($report);
}

# Memory.

sub pss
{
    my ($t) = @_;
    my $sum = 0;
    for my $worker ($t->nginx->workers) {
        my ($kb) = Carmen::Nginx::slurp("/proc/$worker/smaps_rollup")
            =~ /^Pss:\s+(\d+) kB/m;
        $sum += $kb;
    }
    return $sum;
}

{
    my $t = shop();
    my $c = $t->client(scope => 'catalog:read');
    wait_until { $c->get($PATH)->status == 200 } 'the product';
    my $sockets = clients($c, 256);
    is(rounds($c, $sockets, 20), 0, '256 connections are served');
    my $kb = pss($t);
    cmp_ok($kb, '>', 1000, 'memory was counted');
    cmp_ok($kb, '<=', 40 * 1024,
           "PSS of two workers with 256 connections: $kb kB");
}

# Idle clients, as many of ten thousand as the limit of descriptors allows.

{
    my ($limit) = Carmen::Nginx::slurp('/proc/self/limits')
        =~ /^Max open files\s+(\d+)/m;
    my $count = $limit > 10_200 ? 10_000 : $limit - 200;
    my $t = shop(main => 'worker_rlimit_nofile 20000;',
                 worker_connections => 12_000);
    my $c = $t->client(scope => 'catalog:read');
    wait_until { $c->get($PATH)->status == 200 } 'the product';
    my $warm = clients($c, 100);
    rounds($c, $warm, 1);

    my @idle;
    while (@idle < $count) {
        my $some = clients($c, 100);
        is(rounds($c, $some, 1), 0, 'answered') if @idle % 2000 == 0;
        push @idle, @$some;
    }
    # All of both workers' memory, what they have without clients included.
    my $each = pss($t) / @idle;
    cmp_ok($each, '<', 40, sprintf '%d idle clients: %.1f kB each',
           scalar @idle, $each);
    is(rounds($c, [@idle[0, $#idle / 2, $#idle]], 1), 0,
       'and they are answered still');
}

done_testing;
