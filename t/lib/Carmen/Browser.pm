package Carmen::Browser;

# A browser without scripts, for the pages of the provider: a cookie jar,
# redirects within the server, forms.
#
#   my $t = Carmen::Browser->provider(...);   a test with carmen_auth_provider
#   my $b = Carmen::Browser->new($t);
#   $b->get('/oauth/authorize?...');          follows redirects of the server
#   $b->submit('login', username => ..., password => ...);   the form whose
#       action begins so, with its hidden fields
#   $b->status, $b->body, $b->text, $b->title, $b->header('...')
#   $b->location     where it was sent that is not the server's, or undef
#   $b->answer       the parameters of that address, as a hash
#   $b->forms        {action, method, fields} each
#   $b->cookie       name=value, or undef
#
#   Carmen::Browser::account($t, 'ada@example.com', ...)   its id
#   Carmen::Browser::client($t, 'shop', trusted => 1, ...) columns of
#       auth.client
#   Carmen::Browser::request(client_id => ..., ...)        a query

use strict;
use warnings;

use Digest::SHA qw(sha256);
use IO::Socket::INET;
use MIME::Base64 qw(encode_base64url);

use Carmen::Test ();
use Carmen::Token;

our $PASSWORD = 'correct horse battery staple';
our $VERIFIER = 'verifier-verifier-verifier-verifier-verifier';
our $REDIRECT = 'https://client.example/back?a=b';


sub provider
{
    my ($class, %with) = @_;
    my $server = delete $with{server} // '';

    return Carmen::Test->new(
        domains => ['auth'],
        log_level => 'info',
        main => 'thread_pool passwords threads=2;',
        locations => 'location /oauth/ { carmen_auth_provider; }',
        %with,
        server => <<"END" . $server);
        set_real_ip_from 127.0.0.1;
        real_ip_header X-Real-IP;
        carmen_auth_bcrypt_cost 5;
        carmen_auth_thread_pool passwords;
END
}


sub account
{
    my ($t, $login, %with) = @_;
    my $tenant = $with{tenant} // 'demo';
    my $hash = crypt $with{password} // $PASSWORD,
        '$2b$05$abcdefghijklmnopqrstuu';
    my $roles = $with{roles} // 'customer';

    return $t->sql(<<"END");
        WITH id AS MATERIALIZED (SELECT core.uuid7() AS id),
        made AS MATERIALIZED (SELECT auth.credential_create('$tenant', id,
            '$login', '$hash', '{$roles}') FROM id)
        SELECT id FROM id, made
END
}


sub client
{
    my ($t, $id, %with) = @_;
    my %column = (tenant => 'demo', client_id => $id, name => "The $id",
        auth_method => 'none', redirect_uris => [$REDIRECT],
        scopes => [qw(openid profile offline_access orders:read)], %with);
    my @names = sort keys %column;
    my @values = map { ref $_ eq 'ARRAY'
        ? '{' . join(',', map { qq{"$_"} } @$_) . '}' : $_ } @column{@names};

    $t->database->dbh->do('INSERT INTO auth.client (' . join(', ', @names)
        . ') VALUES (' . join(', ', ('?') x @names) . ')', undef, @values);
    return $id;
}


sub escape { return $_[0] =~ s/([^A-Za-z0-9._~-])/sprintf '%%%02X', ord $1/ger }

sub form
{
    my (@pairs) = @_;
    my @out;
    while (my ($name, $value) = splice @pairs, 0, 2) {
        push @out, escape($name) . '=' . escape($value) if defined $value;
    }
    return join '&', @out;
}


sub request
{
    my (%with) = @_;
    my %query = (response_type => 'code', client_id => 'shop',
        redirect_uri => $REDIRECT, scope => 'openid', state => 'st ate',
        code_challenge => encode_base64url(sha256($VERIFIER)),
        code_challenge_method => 'S256', %with);

    return '/oauth/authorize?' . form(map { ($_ => $query{$_}) }
                                      sort keys %query);
}


sub new
{
    my ($class, $t, %with) = @_;
    return bless { test => $t, http => $t->client, headers => {},
                   jar => {}, %with }, $class;
}


sub unescape { return $_[0] =~ tr/+/ /r =~ s/%(..)/chr hex $1/ger }

sub html
{
    my ($text) = @_;
    my %entity = (amp => '&', lt => '<', gt => '>', quot => '"', '#39' => "'");
    return $text =~ s/&(amp|lt|gt|quot|#39);/$entity{$1}/gr;
}


sub status { $_[0]{response}->status }
sub body { $_[0]{response}->body }
sub header { $_[0]{response}->header($_[1]) }
sub location { $_[0]{location} }
sub path { $_[0]{path} }

sub title { return $_[0]->body =~ m{<title>(.*?)</title>} ? html($1) : '' }

sub text
{
    my ($self) = @_;
    my ($main) = $self->body =~ m{<main>(.*)</main>}s;
    return html(($main // '') =~ s/<[^>]*>/ /gr =~ s/\s+/ /gr);
}


sub cookie
{
    my ($self) = @_;
    my @cookies = map { "$_=$self->{jar}{$_}" } sort keys %{ $self->{jar} };
    return @cookies ? join('; ', @cookies) : undef;
}


sub answer
{
    my ($self) = @_;
    my ($query) = ($self->{location} // '') =~ /\?(.*)/;
    return { map { my ($n, $v) = split /=/, $_, 2; ($n => unescape($v)) }
             split /&/, $query // '' };
}


sub go
{
    my ($self, $method, $path, %with) = @_;
    delete $self->{location};

    for my $try (1 .. 10) {
        $path = ($self->{path} // '/') =~ s{[^/]*(\?.*)?$}{}r . $path
            if $path !~ m{^/};
        my $r = $self->{response} = $self->{http}->request($method, $path,
            %with, headers => { %{ $self->{headers} },
                Cookie => $self->cookie, %{ $with{headers} // {} } });
        $self->{path} = $path;

        for my $line ($r->headers('set-cookie')) {
            my ($name, $value, $rest) = $line =~ /^([^=]+)=([^;]*)(.*)/;
            $rest =~ /Max-Age=0/ ? delete $self->{jar}{$name}
                                 : ($self->{jar}{$name} = $value);
        }

        return $self if $r->status != 303;
        $path = $r->header('location');
        if ($path =~ m{^[a-z]}) {
            $self->{location} = $path;
            return $self;
        }
        ($method, %with) = ('GET');
    }
    die "redirects without end\n";
}


sub get { my ($self, $path, %with) = @_; return $self->go('GET', $path, %with) }


sub post
{
    my ($self, $path, $fields, %with) = @_;
    return $self->go('POST', $path, %with, body => form(@$fields),
                     type => 'application/x-www-form-urlencoded');
}


sub forms
{
    my ($self) = @_;
    my $body = $self->body;
    my @forms;

    while ($body =~ m{<form([^>]*)>(.*?)</form>}gs) {
        my ($head, $inside) = ($1, $2);
        my ($action) = $head =~ /action="([^"]*)"/;
        my ($method) = $head =~ /method="([^"]*)"/;
        my @fields;
        while ($inside =~ /<input([^>]*)>/g) {
            my $input = $1;
            my ($name) = $input =~ /\bname="([^"]*)"/ or next;
            my ($value) = $input =~ /\bvalue="([^"]*)"/;
            push @fields, $name, html($value // '');
        }
        push @forms, { action => html($action), method => $method,
                       fields => \@fields };
    }
    return @forms;
}


sub find
{
    my ($self, $action) = @_;
    my ($form) = grep { $_->{action} =~ /^\Q$action\E/ } $self->forms;
    return $form;
}


sub submit
{
    my ($self, $action, %fields) = @_;
    my $with = delete $fields{_with} // {};
    my $form = $self->find($action)
        or die "no form $action on the page:\n" . $self->body;
    my @given = @{ $form->{fields} };

    for (my $i = 0; $i < @given; $i += 2) {
        $given[$i + 1] = delete $fields{ $given[$i] }
            if exists $fields{ $given[$i] };
    }
    push @given, map { ($_ => $fields{$_}) } sort keys %fields;

    return lc $form->{method} eq 'get'
        ? $self->get($form->{action} . '?' . form(@given), %$with)
        : $self->post($form->{action}, \@given, %$with);
}


sub sign_in
{
    my ($self, $login, %with) = @_;
    return $self->submit('login', username => $login,
                         password => $with{password} // $PASSWORD);
}


1;
